// Double descent on two sliders: the number of features and the ridge penalty. Every
// number was computed by the chapter's experiment; this script only picks and draws.
window.interactive["double-descent"] = (root, data) => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const TEST = "#D55E00", TRAIN = "#0072B2", OPTIMAL = "#56B4E9", SINGULAR = "#CC79A7";
  const LEFT = 34, RIGHT = 330;
  const UPPER = { top: 16, bottom: 190, largest: 4, ticks: [0, 1, 2, 3, 4] };
  const LOWER = { top: 214, bottom: 262, largest: 9, ticks: [0, 4, 8] };

  const element = (name, attributes, parent, text) => {
    const drawn = ["svg", "g", "path", "circle", "text", "clipPath", "rect"].includes(name);
    const node = drawn ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  };
  const across = (p) => LEFT + (RIGHT - LEFT) * p / data.dim;
  const up = (value, box) => box.bottom - (box.bottom - box.top) * value / box.largest;
  const within = (value, box) => up(Math.min(value ?? Infinity, box.largest), box);
  // A line through the values; an infinite one (null) leaves by the top.
  const line = (values, box) => values.map((value, j) =>
    `${j ? "L" : "M"}${across(data.p[j]).toFixed(1)} ${up(Math.min(value ?? 99, 99), box).toFixed(1)}`,
  ).join("");
  const number = (value) => value === null ? "∞" : value.toFixed(3);

  const panel = document.createElement("div");
  panel.className = "interactive-panel";
  const svg = element("svg", {
    viewBox: "0 -6 340 302", role: "img", "font-size": 11, fill: "currentColor",
    "aria-label": "误差随特征数 p 变化的曲线，下方是最小的奇异值；竖线是选定的 p",
  }, panel);
  const clip = element("clipPath", { id: "double-descent-clip" }, svg);
  element("rect", {
    x: LEFT, y: UPPER.top, width: RIGHT - LEFT, height: UPPER.bottom - UPPER.top,
  }, clip);

  for (const box of [UPPER, LOWER]) {
    element("path", {
      d: `M${LEFT} ${box.top}V${box.bottom}H${RIGHT}`, fill: "none", stroke: "currentColor",
    }, svg);
    for (const tick of box.ticks) {
      element("text", { x: LEFT - 5, y: up(tick, box) + 4, "text-anchor": "end" }, svg, tick);
    }
  }
  for (const p of [data.n, 80, 120, 160, data.dim]) {
    const text = p === data.n ? `n = ${p}` : p;
    element("text", { x: across(p), y: LOWER.bottom + 14, "text-anchor": "middle" }, svg, text);
  }
  element("text", { x: (LEFT + RIGHT) / 2, y: 292, "text-anchor": "middle" }, svg, "特征数 p");
  element("text", { x: LEFT - 22, y: 8 }, svg, "均方误差");
  element("text", { x: across(55), y: LOWER.top + 4 }, svg, "最小的奇异值");

  const curve = (color, width, more = {}) => element("path", {
    fill: "none", stroke: color, "stroke-width": width,
    "clip-path": "url(#double-descent-clip)", ...more,
  }, svg);
  curve("currentColor", 1, { "stroke-dasharray": "3 3" })
    .setAttribute("d", line(data.test[0], UPPER));
  curve(OPTIMAL, 1.6).setAttribute("d", line(data.optimal, UPPER));
  const train = curve(TRAIN, 2.2);
  const test = curve(TEST, 2.6);
  element("path", {
    d: line(data.smallest, LOWER), fill: "none", stroke: SINGULAR, "stroke-width": 2.2,
  }, svg);
  const legend = [
    ["测试误差", TEST], ["训练误差", TRAIN], ["最优的岭", OPTIMAL],
    ["λ = 0 的测试误差", "currentColor", "3 3"],
  ];
  legend.forEach(([text, color, dashes], row) => {
    const y = 22 + 16 * row;
    element("path", {
      d: `M196 ${y - 4}h18`, stroke: color, "stroke-width": dashes ? 1 : 2.4,
      ...(dashes && { "stroke-dasharray": dashes }),
    }, svg);
    element("text", { x: 220, y }, svg, text);
  });
  const rule = element("path", { stroke: "currentColor", "stroke-opacity": 0.5 }, svg);
  const dots = [TEST, TRAIN, SINGULAR].map((fill) => element("circle", { r: 4.5, fill }, svg));

  const controls = element("div", { class: "interactive-controls" }, panel);
  const slider = (text, count, value) => element("input", {
    type: "range", min: 0, max: count - 1, step: 1, value,
  }, element("label", {}, controls, text));
  const features = slider("特征数 p ", data.p.length, data.p.indexOf(30));
  const penalty = slider("岭惩罚 λ ", data.penalties.length, 0);
  const readout = element("output", { class: "interactive-readout" }, controls);
  element("p", { class: "interactive-legend" }, controls,
    "λ = 0 时的测试误差是精确公式，其余是许多批输入的平均。");

  const show = () => {
    const [i, j] = [Number(penalty.value), Number(features.value)];
    const p = data.p[j];
    train.setAttribute("d", line(data.train[i], UPPER));
    test.setAttribute("d", line(data.test[i], UPPER));
    rule.setAttribute("d", `M${across(p)} ${UPPER.top}V${LOWER.bottom}`);
    const heights = [
      within(data.test[i][j], UPPER), within(data.train[i][j], UPPER),
      within(data.smallest[j], LOWER),
    ];
    dots.forEach((dot, k) => {
      dot.setAttribute("cx", across(p));
      dot.setAttribute("cy", heights[k]);
    });
    features.setAttribute("aria-valuetext", `p = ${p}`);
    penalty.setAttribute("aria-valuetext", `λ = ${data.penalties[i]}`);
    const rows = [
      ["特征数 p", p],
      ["惩罚 λ", data.penalties[i]],
      ["测试误差", number(data.test[i][j])],
      ["训练误差", number(data.train[i][j])],
      ["最优的岭", number(data.optimal[j])],
      ["最小的奇异值", number(data.smallest[j])],
    ];
    readout.replaceChildren();
    for (const [name, value] of rows) {
      const row = element("span", {}, readout);
      element("span", {}, row, name);
      element("strong", {}, row, value);
    }
  };
  features.addEventListener("input", show);
  penalty.addEventListener("input", show);
  show();
  root.prepend(panel);
  root.classList.add("interactive-live");
};
