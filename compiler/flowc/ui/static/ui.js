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
    copy_attributes(here, wanted);
    morph(here, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Whether a `details` element is open is the reader's choice. */
function copy_attributes(here, wanted) {
  for (const { name } of [...here.attributes]) if (!wanted.hasAttribute(name) && name !== "open") here.removeAttribute(name);
  for (const { name, value } of [...wanted.attributes]) {
    if (here.getAttribute(name) !== value && name !== "open") here.setAttribute(name, value);
  }
}

function parsed(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

const SIGN = 20_000;  // milliseconds between two signs that a hidden page is still open

/** Listen to the changes of the page while it is visible: a browser opens only six connections to a server, and each
    stream needs one of them. After a new connection the server sends the whole page again. A hidden page sends a sign
    now and then, because a server with `--idle` ends when no page is open. */
function listen() {
  if (!("live" in body.dataset)) return;
  const note = $("#link");
  let source = null, ended = false, timer = 0;
  const close = () => { clearTimeout(timer); source?.close(); source = null; };
  const open = () => {
    if (source || ended || document.hidden) return;
    source = new EventSource(`${root}live?page=${encodeURIComponent(body.dataset.page)}`);
    source.onopen = () => { note.textContent = "live"; };
    source.onerror = () => {
      note.textContent = "no connection to the server; trying again";
      // after an answer with an error the browser itself does not try again
      if (source?.readyState === EventSource.CLOSED) { close(); timer = setTimeout(open, 3000); }
    };
    source.onmessage = (event) => {
      const { id, html } = JSON.parse(event.data);
      const place = document.getElementById(id);
      if (!place) return;
      if (id === "live_rows" && more.loaded) more.refresh(parsed(html));
      else morph(place, parsed(html));
      tick();
      place.dispatchEvent(new Event("changed"));
    };
    source.addEventListener("end", () => { ended = true; close(); note.textContent = ""; });
  };
  document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
  setInterval(() => { if (document.hidden && !ended) fetch(`${root}healthz`).catch(() => {}); }, SIGN);
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

// -- times that pass --------------------------------------------------------------------------------------------------

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const late = Number(body.dataset.now) - Date.now() / 1000;  // how much later the server's clock is than this one

function ago(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) || ["", 0];
  return unit ? `${Math.floor(seconds / size)} ${unit} ago` : "now";
}

function duration(seconds) {
  let left = Math.round(seconds);
  const parts = [];
  for (const [unit, size] of UNITS) {
    if (left >= size) parts.push(`${Math.floor(left / size)} ${unit}`);
    left %= size;
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** Write how long ago the times of the page were: the server sends no change only because time has passed. */
function tick() {
  const now = Date.now() / 1000 + late;
  for (const each of all("time[data-at]")) {
    const seconds = Math.max(0, now - Number(each.dataset.at));
    const text = "since" in each.dataset ? duration(seconds) : ago(seconds);
    if (each.textContent !== text) each.textContent = text;
  }
}

// -- more rows of the list of runs ------------------------------------------------------------------------------------

const more = {
  loaded: 0,
  busy: false,
  first: new Set(),  // the keys of the rows of the first page
  seen: null,
  watch() {
    const table = $("#live_rows tbody"), row = table && $("tr.more", table);
    this.seen?.disconnect();
    if (table && !this.loaded) this.first = new Set(all("tr[data-key]", table).map((each) => each.dataset.key));
    if (!row) return;
    this.seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.load(row);
    }, { rootMargin: "800px" });
    this.seen.observe(row);
  },
  async load(row) {
    if (this.busy) return;
    this.busy = true;
    const query = row.dataset.next;
    const answer = await fetch(`${root}more${query}`).catch(() => null);
    this.busy = false;
    const place = $("#live_rows tr.more");  // the row, which a change of the page may have replaced meanwhile
    if (!answer?.ok || place?.dataset.next !== query) return;
    const made = parsed(await answer.text());
    const known = new Set(all("tr[data-key]", place.parentNode).map((each) => each.dataset.key));
    for (const each of all("tr[data-key]", made)) if (known.has(each.dataset.key)) each.remove();
    this.loaded += 1;
    place.replaceWith(made);
    this.watch();
  },
  /** Change the rows of the first page, and keep the rows that were loaded later. */
  refresh(made) {
    const table = $("#live_rows tbody"), rows = all("tr[data-key]", made);
    if (!table) return;
    const kept = new Map(all("tr[data-key]", table).map((each) => [each.dataset.key, each]));
    const wanted = new Set(rows.map((each) => each.dataset.key));
    let at = table.firstElementChild;
    for (const row of rows) {
      const here = kept.get(row.dataset.key);
      if (!here) {
        table.insertBefore(row, at);
        continue;
      }
      // a row of the first page that is no longer on it, and not after it, no longer matches the filters
      while (this.first.has(row.dataset.key) && at && at !== here && at.dataset.key && !wanted.has(at.dataset.key)) {
        const next = at.nextElementSibling;
        at.remove();
        at = next;
      }
      if (at === here) at = here.nextElementSibling;
      else table.insertBefore(here, at);
      if (!here.isEqualNode(row)) { copy_attributes(here, row); morph(here, row); }
    }
    this.first = wanted;
  },
};

function filters() {
  const form = $("form.filters");
  form?.addEventListener("formdata", ({ formData }) => {  // the URL has only the filters that are set
    for (const [name, value] of [...formData]) if (!value || (name === "sort" && value === "newest")) formData.delete(name);
  });
}

// -- logs -------------------------------------------------------------------------------------------------------------

const LINES = 500;  // the number of lines of one answer of the server
const MOST_LINES = 5000;  // the number of lines that stay loaded while the page follows a log

function log() {
  const box = $("#log");
  if (!box) return;
  const count = $("#log-count"), follow = $("#log-follow"), search = $("#log-search"), state = $("#live_log");
  const number = (line) => Number(line.id.slice(1));
  const lines = (within = box) => all(".line", within);
  const first = () => { const line = $(".line", box); return line ? number(line) : 1; };
  const last = () => { const found = $(".chunk:last-child", box)?.lastElementChild; return found ? number(found) : 0; };
  let total = Number($("[data-total]", state).dataset.total), searching = "", found_more = false, queue = Promise.resolve();

  /** Run one piece of work after the other, because each one depends on the lines that are there. */
  const then = (work) => { queue = queue.then(work).catch(() => {}).then(tell); return queue; };
  const tell = () => {
    const found = lines().length;
    count.textContent = searching
      ? `${found_more ? "the first " : ""}${found.toLocaleString()} line${found === 1 ? "" : "s"} found`
      : `${total.toLocaleString()} line${total === 1 ? "" : "s"}`;
  };
  const get = async (query) => {
    const answer = await fetch(`${box.dataset.url}?${query}`);
    if (!answer.ok) return null;
    total = Number(answer.headers.get("x-total"));
    return { lines: lines(parsed(await answer.text())), more: answer.headers.get("x-more") === "1" };
  };
  /** A chunk is laid out once; then its height is known, and the browser skips it while it is not visible. */
  const settle = (part) => {
    part.classList.remove("settled");
    part.style.containIntrinsicSize = `auto ${part.offsetHeight}px`;
    part.classList.add("settled");
  };
  const chunk = (content, place) => {
    const made = document.createElement("div");
    made.className = "chunk";
    made.append(...content);
    place(made);
    settle(made);
    return made;
  };
  const replace = (content) => { box.replaceChildren(); chunk(content, (made) => box.append(made)); };
  const bottom = () => { box.scrollTop = box.scrollHeight; };
  const near_end = (pixels) => box.scrollHeight - box.scrollTop - box.clientHeight < pixels;

  async function earlier() {
    const top = first();
    if (searching || top === 1) return;
    const found = await get(`start=${Math.max(0, top - 1 - LINES)}`);
    if (!found) return;
    const height = box.scrollHeight;
    chunk(found.lines.filter((line) => number(line) < top), (made) => box.prepend(made));
    box.scrollTop += box.scrollHeight - height;
  }

  /** Load the lines after the last one; with `whole`, all of them. */
  async function later(whole) {
    for (let before = -1; !searching && last() > before;) {
      if (whole && total - last() > 2 * LINES) {
        const found = await get(`start=${Math.max(0, total - LINES)}`);
        if (found) replace(found.lines);
      }
      before = last();
      const found = await get(`start=${Math.max(0, before - 1)}`);
      if (!found) return;
      append(found.lines);
      if (!whole || last() >= total) break;
    }
    if (searching || !whole) return;
    while (lines().length > MOST_LINES && box.children.length > 1) box.firstElementChild.remove();
    bottom();
  }

  function append(fresh) {
    const end = $(".chunk:last-child", box), old = end?.lastElementChild;
    // the last line may have been incomplete, so it is read again
    if (old && fresh.length && old.id === fresh[0].id) {
      const line = fresh.shift();
      if (!old.isEqualNode(line)) old.replaceWith(line);
    }
    const room = end ? Math.max(0, LINES - end.childElementCount) : 0;
    if (room) { end.append(...fresh.splice(0, room)); settle(end); }
    if (fresh.length) chunk(fresh, (made) => box.append(made));
  }

  /** Show the line with this number among its neighbours. */
  async function show(wanted) {
    if (!document.getElementById(`L${wanted}`) || searching) {
      const found = await get(`start=${Math.max(0, wanted - 50)}`);
      if (!found) return;
      searching = search.value = "";
      follow.checked = false;
      replace(found.lines);
    }
    all(".line.here", box).forEach((line) => line.classList.remove("here"));
    const line = document.getElementById(`L${wanted}`);
    line?.classList.add("here");
    line?.scrollIntoView({ block: "center" });
  }

  async function look() {
    const text = search.value;
    CSS.highlights?.delete("found");
    const found = await get(text ? `search=${encodeURIComponent(text)}` : `start=${Math.max(0, total - LINES)}`);
    if (!found || text !== search.value) return;  // another text is already wanted
    searching = text;
    found_more = found.more;
    replace(found.lines);
    if (text) mark(box, text); else bottom();
  }

  let above = false, below = false;
  box.addEventListener("scroll", () => {
    if (box.scrollTop < 600 && !above && first() > 1) { above = true; then(earlier).then(() => { above = false; }); }
    if (near_end(600) && !below && last() < total) { below = true; then(() => later(false)).then(() => { below = false; }); }
    if (box.matches(":hover, :focus") && !searching) follow.checked = near_end(40) && last() >= total;
  }, { passive: true });
  state.addEventListener("changed", () => {
    const now = Number($("[data-total]", state).dataset.total);
    if (now > total) total = now;
    if (searching) return;
    if (follow.checked) then(() => later(follow.checked));
    else if (near_end(600)) then(() => later(false));
    else tell();
  });
  follow.addEventListener("change", () => { if (follow.checked && !searching) then(() => later(true)); });
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => then(look), 200);
  });
  box.addEventListener("click", (event) => {
    const link = event.target.closest(".line > a");
    if (link && searching) { event.preventDefault(); history.replaceState(null, "", link.hash); then(() => show(Number(link.hash.slice(2)))); }
  });
  const permanent = () => {
    const wanted = /^#L(\d+)$/.exec(location.hash);
    if (wanted) then(() => show(Number(wanted[1])));
    return wanted;
  };
  addEventListener("hashchange", permanent);
  replace(lines());
  tell();
  if (!permanent()) bottom();
}

/** Mark each occurrence of a text; the elements do not change. */
function mark(within, text) {
  if (!CSS.highlights || !text) return;
  const wanted = text.toLowerCase(), ranges = [];
  const walker = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const here = node.data.toLowerCase();
    if (node.parentNode.nodeName === "A" || here.length !== node.data.length) continue;
    for (let at = here.indexOf(wanted); at >= 0; at = here.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

// -- the keyboard -----------------------------------------------------------------------------------------------------

/** The links of the page, and the runs that the server finds, by name. */
function palette() {
  const dialog = $("#palette"), input = $("input", dialog), list = $("ul", dialog);
  let runs = [], timer = 0;
  const links = () => {
    const found = new Map([["All runs", root]]);
    for (const link of all("main a[href], nav a[href]")) {
      if (link.closest("#log")) continue;
      const name = (link.getAttribute("aria-label") || link.textContent).trim().replace(/\s+/g, " ");
      const href = link.href.baseVal ?? link.href;
      if (name && !found.has(name) && ![...found.values()].includes(href)) found.set(name, href);
    }
    return [...found];
  };
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = links().filter(([name]) => words.every((word) => name.toLowerCase().includes(word))).slice(0, 40);
    const shown = new Set(items.map(([name]) => name));
    if (words.length) items.push(...runs.filter(([name]) => !shown.has(name)));
    if (words.length) items.push([`Search runs for “${input.value.trim()}”`, `${root}?text=${encodeURIComponent(input.value.trim())}`]);
    list.replaceChildren(...items.map(([name, href], at) => {
      const item = document.createElement("li");
      item.id = `palette-${at}`;
      item.role = "option";
      item.textContent = name;
      item.dataset.href = href;
      item.onclick = () => { location.href = href; };
      return item;
    }));
    choose(0);
  };
  const ask = async () => {
    const text = input.value.trim();
    const answer = text.length > 1 ? await fetch(`${root}more?text=${encodeURIComponent(text)}`).catch(() => null) : null;
    const html = answer?.ok ? await answer.text() : "";
    if (text !== input.value.trim()) return;
    const at = chosen();
    runs = all("a.row", parsed(html)).slice(0, 10).map((link) => [link.textContent, new URL(link.getAttribute("href"), new URL(root, location)).href]);
    show();
    choose(at);
  };
  const chosen = () => all("li", list).findIndex((item) => item.ariaSelected === "true");
  const choose = (wanted) => {
    const items = all("li", list), next = Math.min(items.length - 1, Math.max(0, wanted));
    items.forEach((item, number) => { item.ariaSelected = String(number === next); });
    items[next]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", items[next]?.id || "");
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
    show();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(chosen() + (event.key === "ArrowDown" ? 1 : -1)); }
    if (event.key === "Enter") { const item = $('li[aria-selected="true"]', list); if (item) location.href = item.dataset.href; }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });  // beside the dialog
  const open = () => { if (dialog.open) return; input.value = ""; runs = []; show(); dialog.showModal(); input.focus(); };
  $("#palette-button").onclick = open;
  return open;
}

function keys(open) {
  let last = "";  // the row that had the focus last, which a change of the page may have replaced
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); open(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    if (event.key === "j" || event.key === "k") {
      const rows = all("a.row").filter((row) => row.checkVisibility());
      const here = rows.indexOf(document.activeElement);
      const at = here >= 0 ? here : rows.findIndex((row) => row.getAttribute("href") === last);
      const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
      next?.focus();
      next?.scrollIntoView({ block: "nearest" });
      last = next?.getAttribute("href") || "";
    } else if (event.key === "/") {
      event.preventDefault();
      const field = $("#log-search") || $("#search");
      if (field) field.focus(); else open();
    }
  });
}

/** The colours that the reader has chosen are set by theme.js, before the page is painted. */
function theme() {
  $("#theme").onclick = () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
    try { localStorage.setItem("flowc-theme", document.documentElement.dataset.theme); } catch { /* storage is forbidden */ }
  };
}

// -- buttons that copy ------------------------------------------------------------------------------------------------

/** Copy a text. Browsers offer the clipboard only to pages of this machine and of https. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await copy(button.dataset.copy);
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
});

theme();
filters();
keys(palette());
log();
more.watch();
$("#live_rows")?.addEventListener("changed", () => more.watch());
setInterval(() => { if (!document.hidden) tick(); }, 1000);
listen();
