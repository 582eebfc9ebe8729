// Sets the colours that the reader has chosen. This script runs before the page is painted.
try {
  const chosen = localStorage.getItem("flowc-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* the browser forbids storage */ }
