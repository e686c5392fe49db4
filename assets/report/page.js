// Puts the page together.
const data = JSON.parse(document.getElementById("data").textContent);
const view = new View(data.charts.at, data.duration);
const charts = new Charts(data, view, "all");
const decisions = new Decisions(data, view, "all");
const gantt = new Gantt(data, view);

function theme() {
  const root = document.documentElement, button = document.getElementById("theme");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const named = () => {
    button.textContent = isDark() ? "Light colours" : "Dark colours";
    charts.redraw();
    overview?.redraw(true, true);
    gantt.canvas && gantt.draw();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    named();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", named);
  named();
}

function contents() {
  const list = document.getElementById("contents");
  for (const section of document.querySelectorAll("main > section:not([hidden])")) {
    const title = section.querySelector("h2").textContent;
    list.append(element("li", {}, [element("a", { href: `#${section.id}`, text: title })]));
  }
}

// The whole run, small: nodes, pods without a node, and a mark a decision; the stretch that is shown is lit.
let overview = null;

function brush() {
  if (view.at.length < 2) return;
  document.getElementById("brush").hidden = false;
  document.getElementById("how").hidden = false;
  const into = document.getElementById("overview");
  const panel = name => data.charts.figures.find(figure => figure.name === name)?.panels[0];
  const shown = [[panel("nodes"), "gray"], [panel("pending"), "orange"]].filter(([panel]) => panel);
  const height = 62;
  const marks = u => {
    if (!decisions.boxes) return;
    const { ctx } = u, { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.fillStyle = faded(cssColor("accent"), 0.8);
    const size = Math.max(2, height / 7);
    let before = -9;
    for (const [at] of decisions.found(true)) {
      const x = Math.round(left + at / view.whole[1] * width);
      if (x - before < 1) continue;
      ctx.fillRect(x, top + height - size, 1.5, size);
      before = x;
    }
    ctx.restore();
  };
  overview = new uPlot({
    width: Math.max(200, into.clientWidth),
    height,
    legend: { show: false },
    padding: [4, 24, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => null } },
    scales: { x: { time: false, range: () => view.whole }, ...Object.fromEntries(shown.map((_, index) => [`y${index}`, { range: (u, min, max) => [0, max || 1] }])) },
    axes: [{ stroke: () => cssColor("faint"), grid: { show: false }, ticks: { show: false }, size: 22, font: "11px system-ui, sans-serif",
      splits: u => timeTicks(...view.whole, Math.max(2, u.width / 90), data.start).ticks,
      values: (u, splits) => splits.map(timeTicks(...view.whole, Math.max(2, u.width / 90), data.start).label) },
      { show: true, size: 58, scale: "y0", values: () => [], grid: { show: false }, ticks: { show: false } }],
    series: [{}, ...shown.map(([, color], index) => ({ scale: `y${index}`, stroke: () => cssColor(color), width: 1,
      fill: () => faded(cssColor(color), 0.25), points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) }))],
    hooks: {
      draw: [marks],
      setSelect: [u => {
        if (u.select.width < 3) return lit();
        view.show(...[u.select.left, u.select.left + u.select.width].map(left => u.posToVal(left, "x")));
        lit();
      }],
    },
  }, [view.at, ...shown.map(([panel]) => panel.series[0].values)], into);
  // The plots' whole height is the button to everything again.
  overview.over.addEventListener("dblclick", () => view.show(...view.whole));
  const [from, to, told] = ["from", "to", "shown"].map(id => document.getElementById(id));
  const steps = 1000;
  const lit = () => {
    const [left, right] = [view.from, view.to].map(at => overview.valToPos(at, "x"));
    const width = view.isWhole() ? 0 : right - left;
    overview.setSelect({ left, width, top: 0, height: overview.over.clientHeight }, false);
    [from.value, to.value] = [view.from, view.to].map(at => String(Math.round(at / view.whole[1] * steps)));
    const [begin, end] = [view.from, view.to].map(at => instant(at, data.start, data.duration));
    told.textContent = `${begin} – ${end} (${spoken(view.to - view.from)})`;
    for (const [input, at] of [[from, begin], [to, end]]) input.setAttribute("aria-valuetext", at);
    document.getElementById("whole").disabled = view.isWhole();
  };
  from.addEventListener("input", () => view.show(Math.min(from.value / steps * view.whole[1], view.to), view.to));
  to.addEventListener("input", () => view.show(view.from, Math.max(to.value / steps * view.whole[1], view.from)));
  document.getElementById("whole").addEventListener("click", () => view.show(...view.whole));
  view.on("range", lit);
  decisions.onList = () => overview.redraw(false, false);
  new ResizeObserver(() => {
    if (into.clientWidth > 0 && into.clientWidth !== overview.width) overview.setSize({ width: into.clientWidth, height });
    lit();
  }).observe(into);
  lit();
}

const plots = document.getElementById("plots");
for (const figure of data.charts.figures) {
  const isOfTime = figure.across === "time";
  charts.draw(figure, isOfTime ? plots : document.getElementById("curves"), isOfTime);
}
charts.start();
decisions.begin();
brush();
gantt.begin();
contents();
theme();
