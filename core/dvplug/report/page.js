"use strict";
// Draws the page from the JSON that dvplug.report.page wrote into it. No library, nothing from the network.

const page = JSON.parse(document.getElementById("data").textContent);
const shown = new Set(page.shown);
const redraws = [];
const tip = element("div", { class: "tip", role: "status", hidden: "" });

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function text(value) {
  if (typeof value !== "number") return String(value);
  const small = value !== 0 && Math.abs(value) < 0.001;
  return value.toLocaleString("en", small ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 4 });
}

const power = (value) => `10${[...String(Math.round(Math.log10(value)))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("")}`;

// A count per group: only those of the groups that are shown are added. One group is for everything.
const total = (counts) =>
  counts.length === 1 ? counts[0] : counts.reduce((sum, count, i) => sum + (shown.has(page.groups[i]) ? count : 0), 0);
const totals = (series) => series.counts[0].map((_, i) => total(series.counts.map((group) => group[i])));

function showTip(lines, x, y) {
  tip.textContent = lines.join("\n");
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = x + 14 + box.width > innerWidth ? x - box.width - 14 : x + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, Math.min(y + 12, innerHeight - box.height - 4))}px`;
}

function hideTip() {
  tip.hidden = true;
  for (const node of document.querySelectorAll(".on")) node.classList.remove("on");
}

// Makes marks tell what they are, by pointer and, when the chart has the focus, by arrow keys.
function tellable(chart, marks) {
  let at = -1;
  const tell = (i, x, y) => {
    hideTip();
    at = i;
    marks[i].node.classList.add("on");
    const box = marks[i].node.getBoundingClientRect();
    showTip(marks[i].lines(), x ?? box.right, y ?? box.top);
  };
  marks.forEach(({ node }, i) => {
    node.addEventListener("pointermove", (event) => tell(i, event.clientX, event.clientY));
    node.addEventListener("pointerleave", hideTip);
  });
  chart.addEventListener("blur", hideTip);
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hideTip();
    if (!step || !marks.length) return;
    event.preventDefault();
    tell((at + step + marks.length) % marks.length);
  });
}

function ticks(from, to, about) {
  const raw = (to - from) / about || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let k = Math.ceil(from / step - 1e-9); k * step <= to + step * 1e-6; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function scale(from, to, low, high, log) {
  const place = (v) => (log ? Math.log10(v) : v);
  return (v) => low + ((place(v) - place(from)) / (place(to) - place(from) || 1)) * (high - low);
}

const decades = (from, to) => {
  const found = [];
  for (let e = Math.ceil(Math.log10(from) - 1e-9); e <= Math.log10(to) + 1e-9; e++) found.push(10 ** e);
  return found;
};

// Counts on a logarithmic axis begin at a half, so that 1 has a height.
function countScale(most, low, high, log) {
  return log
    ? { at: (v) => (v > 0 ? scale(0.5, Math.max(most, 2), low, high, true)(v) : low), ticks: decades(1, Math.max(most, 2)) }
    : { at: scale(0, most || 1, low, high), ticks: ticks(0, most || 1, 4).filter(Number.isInteger) };
}

function line(x1, y1, x2, y2, style) {
  return svg("line", { x1, y1, x2, y2, class: style });
}

function label(x, y, value, anchor = "middle") {
  const node = svg("text", { x, y, "text-anchor": anchor });
  node.textContent = text(value);
  return node;
}

const visible = (item, hidden) => item.series.map((series, k) => ({ ...series, k })).filter(({ name }) => !hidden.has(name));
const colour = (series) => `var(--c${series.colour ?? series.k})`;

function barLines(item, series, values, i) {
  const sum = values.reduce((all, v) => all + v[i], 0);
  const unit = item.unit ? ` ${item.unit}` : "";
  const lines = series.map(({ name }, k) => `${name}: ${text(values[k][i])}${unit}`);
  if (series.length > 1) lines.push(`all: ${text(sum)}${unit}`);
  return [`${item.x}: ${item.labels[i]}`, ...lines];
}

function drawColumns(item, width, { hidden, log }) {
  const series = visible(item, hidden);
  const values = series.map(totals);
  const stacks = item.labels.map((_, i) => values.reduce((sum, v) => sum + v[i], 0));
  const [left, top, bottom, height] = [46, 8, 34, 210];
  const count = countScale(Math.max(0, ...stacks), height - bottom, top, log);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, height });
  const step = (width - left - 6) / item.labels.length;
  for (const tick of count.ticks) {
    chart.append(line(left, count.at(tick), width, count.at(tick), "grid"), label(left - 6, count.at(tick) + 4, tick, "end"));
  }
  const marks = [];
  const every = Math.ceil(item.labels.length / Math.max(2, Math.floor((width - left) / 62)));
  const regular = [1, 2, 5, 10, 20, 25, 50, 100].find((n) => n >= every) ?? every;
  item.labels.forEach((name, i) => {
    const x = left + i * step;
    let below = 0;
    values.forEach((v, k) => {
      if (v[i] > 0) {
        const [y, y0] = [count.at(below + v[i]), count.at(below)];
        chart.append(svg("rect", { x, y, width: Math.max(step - (step > 4 ? 1 : 0), 0.5), height: Math.max(y0 - y, 0.8), fill: colour(series[k]), class: "bar-part" }));
      }
      below += v[i];
    });
    if ((i + (item.offset ?? 0)) % regular === 0) chart.append(label(x + step / 2, height - bottom + 15, name));
    const hit = svg("rect", { x, y: top, width: step, height: height - bottom - top, class: "hit" });
    marks.push({ node: hit, lines: () => barLines(item, series, values, i) });
  });
  chart.append(line(left, height - bottom, width, height - bottom, "axis"), label((left + width) / 2, height - 3, item.x));
  chart.append(...marks.map(({ node }) => node));
  return [chart, marks];
}

function drawRows(item, width, { hidden, log }) {
  const series = visible(item, hidden);
  const values = series.map(totals);
  const stacks = item.labels.map((_, i) => values.reduce((sum, v) => sum + v[i], 0));
  const longest = Math.max(...item.labels.map((name) => name.length));
  const [left, right, rowHeight] = [Math.min(30 + longest * 6.2, width * 0.4), 58, 24];
  const height = item.labels.length * rowHeight + 4;
  const count = countScale(Math.max(0, ...stacks), left, width - right, log);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, height });
  const marks = item.labels.map((name, i) => {
    const y = i * rowHeight + 2;
    chart.append(label(left - 8, y + 15, name, "end"));
    let before = 0;
    values.forEach((v, k) => {
      if (v[i] > 0) {
        const [x, x1] = [count.at(before), count.at(before + v[i])];
        chart.append(svg("rect", { x, y: y + 2, width: Math.max(x1 - x, 1), height: rowHeight - 6, fill: colour(series[k]), class: "bar-part" }));
      }
      before += v[i];
    });
    chart.append(label(count.at(before) + 6, y + 15, before, "start"));
    const hit = svg("rect", { x: 0, y, width, height: rowHeight, class: "hit" });
    return { node: hit, lines: () => barLines(item, series, values, i) };
  });
  chart.append(line(left, 0, left, height, "axis"), ...marks.map(({ node }) => node));
  return [chart, marks];
}

function drawXy(item, width, { hidden }) {
  const [left, right, top, bottom, height] = [52, 10, 8, 38, 280];
  const { x: xAxis, y: yAxis } = item;
  const [x, y] = [
    scale(xAxis.from, xAxis.to, left, width - right, xAxis.log),
    scale(yAxis.from, yAxis.to, height - bottom, top, yAxis.log),
  ];
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, height });
  const of = (axis) => (axis.log ? decades(axis.from, axis.to) : ticks(axis.from, axis.to, 5));
  const named = (axis, tick) => (axis.log && tick < 1 ? power(tick) : tick);
  for (const tick of of(xAxis)) chart.append(line(x(tick), top, x(tick), height - bottom, "grid"), label(x(tick), height - bottom + 15, named(xAxis, tick)));
  for (const tick of of(yAxis)) chart.append(line(left, y(tick), width - right, y(tick), "grid"), label(left - 6, y(tick) + 4, named(yAxis, tick), "end"));
  chart.append(label((left + width) / 2, height - 4, xAxis.label));
  const vertical = label(0, 0, yAxis.label);
  vertical.setAttribute("transform", `translate(12 ${(height - bottom) / 2}) rotate(-90)`);
  chart.append(vertical);
  if (item.diagonal) chart.append(line(x(xAxis.from), y(yAxis.from), x(xAxis.to), y(yAxis.to), "axis"));
  const marks = [];
  for (const series of visible(item, hidden)) {
    const inside = series.points.filter((p) => p.x >= xAxis.from && p.y >= yAxis.from);
    if (series.line) {
      const points = inside.map((p) => `${x(p.x)},${y(p.y)}`).join(" ");
      chart.append(svg("polyline", { points, fill: "none", stroke: colour(series), "stroke-width": 1.5 }));
    }
    for (const p of inside) {
      if (p.low !== undefined) {
        const interval = line(x(p.x), y(Math.max(p.low, yAxis.from)), x(p.x), y(p.high), "");
        interval.style.stroke = colour(series);
        chart.append(interval);
      }
      const fill = p.weak ? "var(--card)" : colour(series);
      const node = svg("circle", { cx: x(p.x), cy: y(p.y), r: series.line ? 3 : 4.5, fill, stroke: colour(series), "stroke-width": 1.5 });
      marks.push({ node, lines: () => [series.name, ...p.lines] });
    }
  }
  chart.append(...marks.map(({ node }) => node));
  return [chart, marks];
}

const LONG = 24; // characters of a cell that may be broken anywhere
const DRAW = { columns: drawColumns, rows: drawRows, xy: drawXy };

function table(columns, rows) {
  const cell = (name, value) => {
    const node = element(name, typeof value === "number" ? { class: "number" } : {});
    node.textContent = text(value);
    if (node.textContent.length > LONG) node.classList.add("long");
    return node;
  };
  const numeric = columns.map((_, i) => rows.length > 0 && typeof rows[0][i] === "number");
  const heads = columns.map((name, i) => {
    const head = cell("th", name);
    head.setAttribute("scope", "col");
    if (numeric[i]) head.classList.add("number");
    return head;
  });
  const body = rows.map((row) => element("tr", {}, ...row.map((value) => cell("td", value))));
  const made = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
  return element("div", { class: "scroll", tabindex: "0" }, made);
}

function chartTable(item) {
  if (item.kind === "xy") {
    const rows = item.series.flatMap(({ name, points }) => points.map((p) => [name, p.x, p.y, p.lines.join("; ")]));
    return table(["", item.x.label, item.y.label, ""], rows);
  }
  const values = item.series.map(totals);
  return table([item.x, ...item.series.map(({ name }) => name)], item.labels.map((name, i) => [name, ...values.map((v) => v[i])]));
}

function makeChart(item) {
  const state = { hidden: new Set(), log: false };
  const place = element("div", { class: "chart" });
  const bar = element("div", { class: "bar" });
  const details = element("details", {}, Object.assign(element("summary"), { textContent: "Numbers" }));
  const redraw = () => {
    const width = Math.round(place.clientWidth) || 360;
    const [chart, marks] = DRAW[item.kind](item, width, state);
    filled(chart, { role: "img", tabindex: "0", "aria-label": `${item.title}. Arrow keys tell the values; the same numbers are in the table below.` }, []);
    tellable(chart, marks);
    hideTip();
    place.replaceChildren(chart);
    if (details.open) details.lastChild.replaceWith(chartTable(item));
  };
  const press = (name, pressed, act, style = {}) => {
    const button = element("button", { type: "button", "aria-pressed": pressed, ...style });
    button.append(name);
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", act());
      redraw();
    });
    bar.append(button);
    return button;
  };
  if (item.series.length > 1) {
    item.series.forEach((series, k) => {
      const button = press(series.name, true, () => {
        if (!state.hidden.delete(series.name)) state.hidden.add(series.name);
        return !state.hidden.has(series.name);
      });
      button.prepend(element("i", { style: `background: ${colour({ ...series, k })}` }));
    });
  }
  if (item.kind === "columns") press("log", false, () => (state.log = !state.log), { class: "log" });
  details.append(element("div"));
  details.addEventListener("toggle", () => details.open && details.lastChild.replaceWith(chartTable(item)));
  new ResizeObserver(() => redraw()).observe(place);
  redraws.push(redraw);
  return [bar, place, details];
}

function makeTiles(item) {
  const tiles = item.tiles.map(({ name, counts, over, digits }) => {
    const value = element("b");
    redraws.push(() => {
      const [above, below] = [total(counts), over ? total(over) : 1];
      value.textContent = below ? (above / below).toLocaleString("en", over ? { minimumFractionDigits: digits, maximumFractionDigits: digits } : {}) : "–";
    });
    return element("div", { class: "tile" }, value, Object.assign(element("span"), { textContent: name }));
  });
  return element("div", { class: "tiles" }, ...tiles);
}

function makeFacts(item) {
  const made = table(["", ""], item.rows);
  made.firstChild.classList.add("facts");
  made.querySelector("thead").remove();
  return made;
}

const FILL = {
  facts: (item) => [makeFacts(item)],
  table: (item) => [table(item.columns, item.rows)],
  text: (item) => [element("details", {}, Object.assign(element("summary"), { textContent: "Show" }), Object.assign(element("pre"), { textContent: item.text }))],
};

function makeCard(item) {
  const card = element("article", { class: item.wide ? "card wide" : "card", "data-chart": item.id });
  card.append(Object.assign(element("h3"), { textContent: item.title }));
  if (item.note) card.append(Object.assign(element("p", { class: "note" }), { textContent: item.note }));
  card.append(...(FILL[item.kind] ?? makeChart)(item));
  return card;
}

function makeGroups() {
  const set = element("fieldset", { class: "groups" }, Object.assign(element("legend"), { textContent: page.groupsLabel }));
  for (const name of page.groups) {
    const box = element("input", { type: "checkbox", name });
    box.checked = shown.has(name);
    box.addEventListener("change", () => {
      if (!shown.delete(name)) shown.add(name);
      redraws.forEach((redraw) => redraw());
    });
    set.append(element("label", {}, box, name));
  }
  return set;
}

const main = document.querySelector("main");
if (page.groups.length > 1) main.append(makeGroups());
for (const { heading, items } of page.sections) {
  if (heading) main.append(Object.assign(element("h2"), { textContent: heading }));
  let cards = null;
  for (const item of items) {
    if (item.kind === "tiles") main.append(makeTiles(item));
    else {
      if (!cards) main.append((cards = element("div", { class: "cards" })));
      cards.append(makeCard(item));
    }
  }
}
document.body.append(tip);
redraws.forEach((redraw) => redraw());
document.documentElement.dataset.ready = "true";
