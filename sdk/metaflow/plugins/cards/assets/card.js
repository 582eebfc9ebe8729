"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Charts in the page's colours; what a description says itself comes before them.
  function colours() {
    const ink = color("--ink"), soft = color("--soft"), line = color("--line");
    const axis = { labelColor: soft, titleColor: ink, gridColor: line, domainColor: line, tickColor: line };
    const legend = { labelColor: soft, titleColor: ink };
    const range = { category: dark.matches
      ? ["#9aa5ff", "#6fd3a5", "#f2b56b", "#f28b9b", "#7cc7ee", "#d3a0f0"]
      : ["#4f46e5", "#0f9d6b", "#d97706", "#d6336c", "#0284c7", "#9333ea"] };
    return { background: "transparent", font: "inherit", title: { color: ink }, style: { "guide-label": { fill: soft },
      "guide-title": { fill: ink }, "group-title": { fill: ink } }, axis, legend, header: legend, range,
      view: { stroke: "transparent" }, mark: { color: range.category[0] } };
  }

  function merged(under, over) {
    const result = { ...under };
    for (const [key, value] of Object.entries(over || {})) {
      const both = [value, under[key]].every((one) => one && typeof one === "object" && !Array.isArray(one));
      result[key] = both ? merged(under[key], value) : value;
    }
    return result;
  }

  // Advice on a description is for its author, not for the reader of a card.
  const logger = { error: (...told) => { console.error(...told); return logger; } };
  for (const name of ["level", "warn", "info", "debug"]) logger[name] = () => logger;

  async function drawChart(component) {
    const place = component.querySelector(".chart");
    const label = place.getAttribute("aria-label");
    const spec = JSON.parse(component.querySelector('script[type="application/json"]').textContent);
    try {
      const isVega = /\/vega\/v/.test(spec.$schema || "");
      const config = merged(colours(), spec.config);
      if (isVega) delete config.mark;
      const compiled = isVega ? spec : vegaLite.compile({ ...spec, config }, { logger }).spec;
      const view = new vega.View(vega.parse(compiled, isVega ? config : undefined), { renderer: "svg", container: place, hover: true });
      place.replaceChildren();
      view.tooltip((handler, event, item, value) => { place.title = value == null ? "" : typeof value === "object"
        ? Object.entries(value).map(([key, one]) => `${key}: ${one}`).join("\n") : String(value); });
      await view.initialize(place).runAsync();
      component.flowcView = view;
      place.setAttribute("role", "img");
      place.setAttribute("aria-label", label);
    } catch (error) {
      const box = document.createElement("div");
      box.className = "failure";
      box.textContent = `The chart cannot be drawn: ${error.message}`;
      place.replaceChildren(box);
    }
    place.dataset.drawn = "yes";
  }

  function drawAll() {
    // The card stays where it is, which may be a frame.
    document.querySelectorAll('a[href^="http"]').forEach((link) => Object.assign(link, { target: "_blank", rel: "noopener" }));
    document.querySelectorAll(".component.vegaChart").forEach(drawChart);
    document.querySelectorAll("time[data-time]").forEach((time) => {
      const moment = new Date(1000 * Number(time.dataset.time));
      time.dateTime = moment.toISOString();
      time.textContent = moment.toLocaleString();
    });
  }

  // What is folded away has no width: a chart there is drawn when it is seen.
  document.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.querySelectorAll(".component.vegaChart").forEach(drawChart);
  }, true);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("copy" in button.dataset) {
      await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
      button.textContent = "Copied";
    } else if (button.dataset.save === "svg") {
      const text = await button.closest(".component").flowcView.toSVG();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
      link.download = "chart.svg";
      link.click();
    }
  });
  // A newer version of this card, while its step runs: the page stays where it is.
  window.flowc_card_replace = (html) => {
    const next = new DOMParser().parseFromString(html, "text/html").getElementById("card");
    if (!next) return false;
    document.getElementById("card").replaceChildren(...next.childNodes);
    drawAll();
    return true;
  };
  dark.addEventListener("change", drawAll);
  drawAll();
})();
