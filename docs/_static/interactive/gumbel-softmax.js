// The temperature of Gumbel-Softmax on a slider. Everything shown was computed by the
// chapter's experiment; this script only picks a temperature and draws its points.
window.interactive["gumbel-softmax"] = (root, data) => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const COLORS = ["#0072B2", "#E69F00", "#009E73"];
  const CORNERS = [[20, 250], [300, 250], [160, 14]];
  const MARK = "#D55E00";

  const element = (name, attributes, parent, text) => {
    const node = name === "text" || ["svg", "circle", "path", "g"].includes(name)
      ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  };
  // A point of the simplex, given by its first two coordinates, in the triangle.
  const place = ([a, b]) => {
    const weights = [a, b, 1 - a - b];
    return [0, 1].map((axis) => weights.reduce((sum, w, k) => sum + w * CORNERS[k][axis], 0));
  };
  const cross = ([x, y]) => `M${x - 5} ${y - 5}l10 10m0-10l-10 10`;

  const panel = document.createElement("div");
  panel.className = "interactive-panel";
  const svg = element("svg", {
    viewBox: "0 0 320 276", role: "img",
    "aria-label": "单纯形上的 Gumbel-Softmax 样本，随温度移动",
  }, panel);
  element("path", {
    d: `M${CORNERS.map((corner) => corner.join(" ")).join("L")}Z`,
    fill: "none", stroke: "currentColor", "stroke-width": 1,
  }, svg);
  const labels = [[20, 268], [300, 268], [160, 10]];
  data.p.forEach((p, k) => element("text", {
    x: labels[k][0], y: labels[k][1], fill: "currentColor", "font-size": 11,
    "text-anchor": ["start", "end", "middle"][k],
  }, svg, `第 ${k + 1} 类 p = ${p.toFixed(3)}`));
  const dots = data.classes.map((k) => element("circle", {
    r: 3, fill: COLORS[k], "fill-opacity": 0.6,
  }, svg));
  element("path", {
    d: cross(place(data.p)), stroke: MARK, "stroke-width": 2, fill: "none",
  }, svg);
  const mean = element("circle", { r: 6, fill: "none", stroke: MARK, "stroke-width": 2 }, svg);

  const controls = element("div", { class: "interactive-controls" }, panel);
  const label = element("label", {}, controls, "温度 τ ");
  const slider = element("input", {
    type: "range", min: 0, max: data.tau.length - 1, step: 1,
    value: data.tau.findIndex((tau) => tau >= 0.5),
  }, label);
  const readout = element("output", { class: "interactive-readout" }, controls);
  element("p", { class: "interactive-legend" }, controls,
    "× 是真正的 p，○ 是样本的平均；点的颜色是它的 argmax。");

  const show = () => {
    const step = data.steps[slider.value];
    const tau = data.tau[slider.value];
    step.samples.forEach((sample, i) => {
      const [x, y] = place(sample);
      dots[i].setAttribute("cx", x);
      dots[i].setAttribute("cy", y);
    });
    const [x, y] = place(step.mean);
    mean.setAttribute("cx", x);
    mean.setAttribute("cy", y);
    slider.setAttribute("aria-valuetext", `τ = ${tau}`);
    const rows = [
      ["τ", tau.toFixed(2)],
      ["样本平均", `(${step.mean.map((m) => m.toFixed(3)).join(", ")})`],
      ["最大分量的平均", step.largest.toFixed(3)],
      ["几乎为零的梯度", `${(100 * step.vanishing).toFixed(0)}%`],
      ["梯度的方差", step.variance.toPrecision(2)],
      ["梯度的偏差", step.bias.toFixed(3)],
    ];
    readout.replaceChildren();
    for (const [name, value] of rows) {
      const row = element("span", {}, readout);
      element("span", {}, row, name);
      element("strong", {}, row, value);
    }
  };
  slider.addEventListener("input", show);
  show();
  root.prepend(panel);
  root.classList.add("interactive-live");
};
