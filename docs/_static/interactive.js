// An interactive figure costs nothing until a reader comes near: then its data arrive,
// its script, and the script takes over from the drawing. See docs/_ext/interactive.py.
window.interactive = {};

const loadScript = (source) =>
  new Promise((done) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => done(script);
    document.head.append(script);
  });

async function takeOver(figure) {
  const { interactive: name, values, script } = figure.dataset;
  const [{ data }] = await Promise.all([loadScript(values), loadScript(script)]);
  window.interactive[name](figure, data);
}

const nearFigures = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      nearFigures.unobserve(target);
      takeOver(target);
    }
  },
  { rootMargin: "1200px" },
);
document.querySelectorAll(".interactive").forEach((figure) => nearFigures.observe(figure));
