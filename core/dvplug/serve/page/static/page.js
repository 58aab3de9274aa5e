// What the pages do besides what they say: nothing here is needed to submit a run, or to read what became of it.
"use strict";

const csrf = document.body.dataset.csrf;
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: value >= 100 ? 0 : 2 });

function figure(value, key) {
  return value === null || value === undefined || value === "" || (!value && ["reads", "variants"].includes(key)) ? "–" : grouped(value);
}

function bar(label) {
  const node = make("span", { class: "bar", role: "progressbar", "aria-label": `Progress ${label}`, "aria-valuemin": 0, "aria-valuemax": 100 });
  node.innerHTML = '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="0" height="8"/></svg>';
  return node;
}

function fill(node, fraction) {
  const percent = Math.round(10000 * fraction) / 100;
  node.setAttribute("aria-valuenow", Math.round(percent));
  one("rect", node).setAttribute("width", percent);
}

function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// A run, as it goes on.
function follow(article) {
  const finished = ["done", "failed", "cancelled", "refused"];
  if (finished.includes(article.dataset.state)) return;
  const log = one("[data-log]", article);
  const source = new EventSource(`/api/runs/${article.dataset.run}/events`);
  source.addEventListener("state", (event) => {
    const { state } = JSON.parse(event.data);
    if (finished.includes(state)) {
      source.close();
      location.reload();
      return;
    }
    article.dataset.state = state;
    one("[data-badge]", article).replaceChildren(make("span", { class: `badge ${state}` }, state));
  });
  source.addEventListener("progress", (event) => draw(article, JSON.parse(event.data)));
  source.addEventListener("log", (event) => {
    const number = Number(event.lastEventId);
    if (all("li", log).some((line) => Number(line.dataset.number) === number)) return;
    const { kind, text } = JSON.parse(event.data);
    log.append(make("li", { class: kind, "data-number": number }, text));
    log.scrollTop = log.scrollHeight;
  });
}

function draw(article, progress) {
  fill(one(".big .bar", article), progress.fraction);
  one("[data-percent]", article).textContent = `${Math.floor(100 * progress.fraction)} %`;
  const fetching = Object.entries(progress.fetching || {}).map(([name, bytes]) => `${name}: ${grouped(Math.round(bytes / 1e6))} MB`);
  one("[data-eta]", article).textContent = progress.eta_s
    ? `about ${duration(progress.eta_s)} left`
    : !progress.total && fetching.length ? `fetching ${fetching.at(-1)}` : "";
  for (const tile of all("[data-tile]", article)) tile.textContent = figure(progress[tile.dataset.tile], tile.dataset.tile);
  const contigs = one("[data-contigs]", article);
  for (const { name, done, total } of progress.contigs) {
    let row = all(".contig", contigs).find((each) => each.firstChild.textContent === name);
    if (!row) {
      row = make("div", { class: "contig" }, make("span", { title: name }, name), bar(`of ${name}`), make("span", { class: "soft" }));
      contigs.append(row);
    }
    fill(one(".bar", row), done / total);
    row.lastChild.textContent = `${done}/${total}`;
  }
}

// Pileups of chosen variants.
function pileups(table) {
  const figureNode = one("[data-pileup-figure]");
  const caption = one("figcaption", figureNode);
  table.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-pileup]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    for (const row of all("tr.chosen", table)) row.classList.remove("chosen");
    link.closest("tr").classList.add("chosen");
    figureNode.classList.add("waiting");
    all("a", figureNode).forEach((image) => image.remove());
    caption.textContent = `Drawing ${link.dataset.pileup}`;
    const answer = await fetch(link.href);
    figureNode.classList.remove("waiting");
    if (!answer.ok) {
      caption.textContent = await said(answer);
      return;
    }
    caption.textContent = `What the network saw at ${link.dataset.pileup}`;
    const image = make("img", { src: URL.createObjectURL(await answer.blob()), alt: `Pileup image at ${link.dataset.pileup}, channel by channel` });
    figureNode.append(make("a", { href: link.href, target: "_blank", rel: "noopener" }, image));
  });
}

async function said(answer) {
  try {
    const { problems } = await answer.json();
    return problems.map((each) => [each.problem, each.cause, each.repair].filter(Boolean).join(". ")).join(" ");
  } catch {
    return `The service answered ${answer.status}.`;
  }
}

// The list of runs is kept as it is now.
function keepList(table) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const body = one("[data-live-list] tbody", page);
    const now = one("tbody", table);
    if (body && !now.contains(document.activeElement)) now.replaceWith(body);
    one("#counts").textContent = one("#counts", page).textContent;
  }, 2500);
}

// Uploads by tus: in parts, going on where they broke off, also after this page was loaded again.
const PART = 8 * 1024 * 1024;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function begun(file) {
  const key = `upload ${file.name} ${file.size} ${file.lastModified}`;
  const known = localStorage.getItem(key);
  if (known && (await fetch(known, { method: "HEAD" })).ok) return [known, key];
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const answer = await fetch("/api/uploads", {
    method: "POST",
    headers: { "Tus-Resumable": "1.0.0", "Upload-Length": file.size, "Upload-Metadata": `filename ${name}`, "X-DVPLUG-CSRF": csrf },
  });
  if (!answer.ok) throw new Error(await said(answer));
  const place = answer.headers.get("location");
  localStorage.setItem(key, place);
  return [place, key];
}

async function upload(file, tell) {
  const [place, key] = await begun(file);
  for (let failed = 0; ; ) {
    let offset = Number((await fetch(place, { method: "HEAD" })).headers.get("upload-offset"));
    try {
      while (offset < file.size || file.size === 0) {
        tell(file.size ? offset / file.size : 1);
        const answer = await fetch(place, {
          method: "PATCH",
          headers: { "Tus-Resumable": "1.0.0", "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream", "X-DVPLUG-CSRF": csrf },
          body: file.slice(offset, offset + PART),
        });
        if (answer.status === 409 || answer.status === 423) throw new TypeError("not there");
        if (!answer.ok) {
          localStorage.removeItem(key);
          throw new Error(await said(answer));
        }
        offset = Number(answer.headers.get("upload-offset"));
        failed = 0;
        if (file.size === 0) break;
      }
      tell(1);
      localStorage.removeItem(key);
      return `upload:${place.split("/").pop()}`;
    } catch (error) {
      if (!(error instanceof TypeError) || ++failed > 8) throw error; // a TypeError is the network's
      await pause(300 * 2 ** failed);
    }
  }
}

function newRun(form) {
  const put = (name, value) => {
    const field = form.elements[name];
    field.value = name === "reads" && field.value.trim() ? `${field.value.trim()}\n${value}` : value;
    recognise();
  };
  let asked = 0;
  const recognised = one("#recognised");
  async function recognise() {
    const reads = form.elements.reads.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const ref = form.elements.ref.value.trim();
    if (!reads.length || !ref) return;
    const number = ++asked;
    recognised.textContent = "Looking at the reads …";
    const answer = await fetch("/api/check", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-DVPLUG-CSRF": csrf },
      body: JSON.stringify({ reads, ref, tech: form.elements.tech.value }),
    });
    if (number !== asked) return;
    if (!answer.ok) {
      recognised.textContent = await said(answer);
      recognised.className = "hint recognised doubt";
      return;
    }
    const told = await answer.json();
    recognised.textContent = [
      told.recognised ? `Recognised as ${told.recognised}` : "",
      ...told.problems.map((each) => [each.problem, each.cause, each.repair].filter(Boolean).join(". ")),
      ...told.warnings,
    ].filter(Boolean).join(" ") || "Nothing speaks against it.";
    recognised.className = `hint recognised${told.problems.length ? " doubt" : ""}`;
  }
  let later; // not when a field is left: what is said would move the button that is about to be pressed
  for (const name of ["reads", "ref", "tech"]) {
    form.elements[name].addEventListener("input", () => {
      clearTimeout(later);
      later = setTimeout(recognise, 500);
    });
  }
  recognise(); // what was there, or typed, before this script was
  for (const select of all("[data-add-to], [data-set]", form)) {
    select.addEventListener("change", () => {
      if (select.value) put(select.dataset.addTo || select.dataset.set, select.value);
      select.value = "";
    });
  }
  for (const input of all("[data-upload-to]", form)) {
    input.addEventListener("change", async () => {
      const name = input.dataset.uploadTo;
      for (const file of [...input.files]) {
        const row = make("div", { class: "upload" }, make("span", {}, file.name), bar(`of uploading ${file.name}`), make("span", { class: "soft" }));
        one(`[data-uploads="${name}"]`, form).append(row);
        const button = one("button[type=submit]", form);
        button.disabled = true;
        try {
          put(name, await upload(file, (fraction) => {
            fill(one(".bar", row), fraction);
            row.lastChild.textContent = `${Math.floor(100 * fraction)} %`;
          }));
          row.lastChild.textContent = "is here";
        } catch (error) {
          row.lastChild.textContent = error.message;
          row.lastChild.className = "wrong";
        }
        button.disabled = false;
      }
      input.value = "";
    });
  }
  form.addEventListener("submit", () => {
    const button = one("button[type=submit]", form);
    button.textContent = "Checking …";
    setTimeout(() => { button.disabled = true; });
  });
}

for (const form of all("form")) {
  const button = one("[data-ask]", form);
  if (button) form.addEventListener("submit", (event) => { if (!confirm(button.dataset.ask)) event.preventDefault(); });
}
one("#problems")?.focus();
if (one("[data-run]")) follow(one("[data-run]"));
if (one("[data-sites]")) pileups(one("[data-sites]"));
if (one("[data-live-list]")) keepList(one("[data-live-list]"));
if (one("[data-new-run]")) newRun(one("[data-new-run]"));
document.documentElement.dataset.ready = "";
