// The behaviour of the pages. Without this script every page still shows its data; the script adds changes while a page
// is open, more rows while the reader scrolls, the log, and the keyboard.

const body = document.body;
const root = body.dataset.root;
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// -- changes of the page ----------------------------------------------------------------------------------------------

/** Change an element's children to those of another element; equal elements stay, with their focus and open details. */
function morph(from, to) {
  const key = (node) => node.nodeType === 1 ? node.id || node.dataset.key || "" : "";
  const kept = new Map(all(":scope > [id], :scope > [data-key]", from).map((node) => [node.tagName + key(node), node]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const named = key(wanted) && kept.get(wanted.tagName + key(wanted));
    if (named && named !== at) from.insertBefore(named, at);
    const here = named || at;
    const same = here && here.nodeType === wanted.nodeType && here.nodeName === wanted.nodeName && key(here) === key(wanted);
    if (!same) {
      from.insertBefore(wanted, at);
      continue;
    }
    at = here.nextSibling;
    if (here.nodeType !== 1) {
      if (here.nodeValue !== wanted.nodeValue) here.nodeValue = wanted.nodeValue;
      continue;
    }
    if (here.isEqualNode(wanted)) continue;
    for (const { name } of [...here.attributes]) if (!wanted.hasAttribute(name) && name !== "open") here.removeAttribute(name);
    for (const { name, value } of [...wanted.attributes]) if (here.getAttribute(name) !== value) here.setAttribute(name, value);
    morph(here, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function listen() {
  if (!("live" in body.dataset)) return;
  const source = new EventSource(`${root}live?page=${encodeURIComponent(body.dataset.page)}`);
  const note = $("#link");
  source.onopen = () => { note.textContent = "live"; };
  source.onerror = () => { note.textContent = "the connection to the server is lost; trying again"; };
  source.onmessage = (event) => {
    const { id, html } = JSON.parse(event.data);
    const place = document.getElementById(id);
    if (!place) return;
    if (id === "live_rows" && more.loaded) return more.refresh(html);
    const made = document.createElement("template");
    made.innerHTML = html;
    morph(place, made.content);
    place.dispatchEvent(new Event("changed"));
  };
  source.addEventListener("end", () => { source.close(); note.textContent = ""; });
  addEventListener("pagehide", () => source.close());
}

// -- more rows of the list of runs ------------------------------------------------------------------------------------

const more = {
  loaded: 0,
  watch() {
    const row = $("tr.more");
    if (!row) return;
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { seen.disconnect(); this.load(row); }
    }, { rootMargin: "800px" });
    seen.observe(row);
  },
  async load(row) {
    const answer = await fetch(`${root}more${row.dataset.next}`);
    if (!answer.ok) return;
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    this.loaded += 1;
    const known = new Set(all("tr[data-key]", row.parentNode).map((each) => each.dataset.key));
    for (const each of all("tr[data-key]", made.content)) if (known.has(each.dataset.key)) each.remove();
    row.replaceWith(made.content);
    this.watch();
  },
  /** Change the first rows, and keep the rows that were loaded later. */
  refresh(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const table = $("#live_rows tbody");
    if (!table) return;
    let before = null;
    for (const wanted of all("tr[data-key]", made.content)) {
      const here = $(`tr[data-key="${CSS.escape(wanted.dataset.key)}"]`, table);
      if (here && !here.isEqualNode(wanted)) morph(here, wanted);
      const placed = here || wanted;
      if (!here) before ? before.after(placed) : table.prepend(placed);
      before = placed;
    }
  },
};

// -- logs -------------------------------------------------------------------------------------------------------------

function log() {
  const box = $("#log");
  if (!box) return;
  const count = $("#log-count"), follow = $("#log-follow"), search = $("#log-search");
  const number = (line) => Number(line.id.slice(1));
  let busy = false, searching = "";
  const chunk = (html) => {
    const made = document.createElement("div");
    made.className = "chunk";
    made.innerHTML = html;
    return made;
  };
  const first = chunk("");
  first.append(...box.childNodes);
  box.append(first);
  const lines = () => all(".line", box);
  const total = () => Number($("#live_log [data-total]").dataset.total);
  const tell = () => { count.textContent = searching ? `${lines().length} lines found` : `${total().toLocaleString()} lines`; };
  const get = async (query) => {
    const answer = await fetch(`${box.dataset.url}?${query}`);
    return answer.ok ? { html: await answer.text(), total: Number(answer.headers.get("x-total")) } : null;
  };
  const bottom = () => { box.scrollTop = box.scrollHeight; };
  async function earlier() {
    const top = lines()[0];
    if (busy || searching || !top || number(top) === 1) return;
    busy = true;
    const start = Math.max(0, number(top) - 1 - 500);
    const found = await get(`start=${start}`);
    if (found && !searching) {
      const made = chunk(found.html);
      for (const line of all(".line", made)) if (number(line) >= number(top)) line.remove();
      const height = box.scrollHeight;
      box.prepend(made);
      box.scrollTop += box.scrollHeight - height;
    }
    busy = false;
  }
  async function later() {
    if (busy || searching) return;
    busy = true;
    for (;;) {
      const all_lines = lines(), last = all_lines.length ? number(all_lines.at(-1)) : 0;
      // the last line may have been incomplete, so it is read again
      const found = total() > last || last ? await get(`start=${Math.max(0, last - 1)}`) : null;
      if (!found || searching) break;
      const made = chunk(found.html), fresh = all(".line", made);
      if (fresh.length && last && number(fresh[0]) === last) all_lines.at(-1).replaceWith(fresh.shift());
      if (fresh.length) box.append(made);
      if (fresh.length < 499) break;
    }
    busy = false;
    tell();
    if (follow.checked) bottom();
  }
  box.addEventListener("scroll", () => {
    if (box.scrollTop < 600) earlier();
    const at_end = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    if (!at_end && box.matches(":hover, :focus")) follow.checked = false;
  }, { passive: true });
  $("#live_log").addEventListener("changed", later);
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      searching = search.value;
      const found = await get(searching ? `search=${encodeURIComponent(searching)}` : `start=${Math.max(0, total() - 500)}`);
      if (!found) return;
      box.replaceChildren(chunk(found.html));
      tell();
      if (!searching) bottom();
    }, 200);
  });
  tell();
  const wanted = /^#L(\d+)$/.exec(location.hash);
  if (wanted && !document.getElementById(`L${wanted[1]}`)) {
    get(`start=${Math.max(0, Number(wanted[1]) - 20)}`).then((found) => {
      if (!found) return;
      box.replaceChildren(chunk(found.html));
      document.getElementById(`L${wanted[1]}`)?.scrollIntoView({ block: "center" });
    });
  } else if (!wanted) bottom();
}

// -- the keyboard -----------------------------------------------------------------------------------------------------

function palette() {
  const dialog = $("#palette"), input = $("input", dialog), list = $("ul", dialog);
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Map([["All runs", root]]);
    for (const link of all("main a[href], nav a[href]")) {
      const name = (link.getAttribute("aria-label") || link.textContent).trim().replace(/\s+/g, " ");
      if (name && !found.has(name)) found.set(name, link.href);
    }
    const items = [...found].filter(([name]) => words.every((word) => name.toLowerCase().includes(word))).slice(0, 40);
    if (words.length) items.push([`Search runs for “${input.value}”`, `${root}?text=${encodeURIComponent(input.value)}`]);
    list.replaceChildren(...items.map(([name, href], at) => {
      const item = document.createElement("li");
      item.role = "option";
      item.textContent = name;
      item.dataset.href = href;
      item.ariaSelected = String(at === 0);
      item.onclick = () => { location.href = href; };
      return item;
    }));
  };
  const open = () => { input.value = ""; show(); dialog.showModal(); input.focus(); };
  const move = (by) => {
    const items = all("li", list), at = items.findIndex((item) => item.ariaSelected === "true");
    const next = Math.min(items.length - 1, Math.max(0, at + by));
    items.forEach((item, number) => { item.ariaSelected = String(number === next); });
    items[next]?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); move(event.key === "ArrowDown" ? 1 : -1); }
    if (event.key === "Enter") { const item = $('li[aria-selected="true"]', list); if (item) location.href = item.dataset.href; }
  });
  $("#palette-button").onclick = open;
  return open;
}

function keys(open) {
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); open(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    const rows = all("a.row"), at = rows.findIndex((row) => row.closest("tr").classList.contains("chosen"));
    if (event.key === "j" || event.key === "k") {
      const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
      rows[at]?.closest("tr").classList.remove("chosen");
      next?.closest("tr").classList.add("chosen");
      next?.focus();
    } else if (event.key === "/") {
      const field = $("#log-search") || $("#search");
      if (field) { event.preventDefault(); field.focus(); } else open();
    }
  });
}

function theme() {
  const kept = localStorage.getItem("flowc-theme");
  if (kept) document.documentElement.dataset.theme = kept;
  $("#theme").onclick = () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("flowc-theme", document.documentElement.dataset.theme);
  };
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
});

theme();
keys(palette());
log();
more.watch();
listen();
