// Plots of lines with uPlot, each with a legend that reads the values at the instant pointed at.
const HEIGHT = 190;

class Charts {
  constructor(data, view, sync) {
    Object.assign(this, { data, view, sync, plots: [] });
  }

  draw(chart, into, heading) {
    const section = element("div", {}, heading ? [element("h3", { text: chart.title })] : []);
    for (const panel of chart.panels) section.append(this.panel(chart, panel));
    into.append(section);
  }

  panel(chart, panel) {
    const ofTime = chart.across === "time";
    const at = ofTime ? this.view.at : chart.at;
    const figure = element("figure", { class: "plot" });
    const draw = element("div", { class: "draw", tabindex: "0", role: "slider", "aria-orientation": "horizontal",
      "aria-label": `${chart.title}, ${panel.label}: ${ofTime ? "time" : "duration"} that is read`, "aria-valuemin": "0",
      "aria-valuemax": String(Math.max(0, at.length - 1)), "aria-valuenow": "0", "aria-valuetext": "nothing is read yet" });
    const legend = this.legend(panel, ofTime);
    figure.append(element("figcaption", { text: panel.label }), draw, legend.table);
    const plot = { chart, panel, at, ofTime, draw, legend, sums: stackSums(panel) };
    this.plots.push(plot);
    return figure;
  }

  legend(panel, ofTime) {
    const cells = panel.series.map(series => {
      const limit = series.shape === "limit" ? " limit" : "";
      const swatch = element("i", { class: `swatch ${series.color}${limit}`, "aria-hidden": "true" });
      const values = [element("td", { class: "n", text: "–" }), element("td", { class: "n" })];
      if (ofTime && series.shape !== "limit") values.push(element("td", { class: "n" }));
      const row = element("tr", {}, [element("th", { scope: "row" }, [swatch, series.label]), ...values]);
      if (series.shape === "limit") values[1].setAttribute("colspan", "2");
      return { row, values };
    });
    const names = ofTime ? ["series", "now read", "lowest", "highest"] : ["series", "now read", "in the end"];
    const head = element("thead", {}, [element("tr", {}, names.map(text => element("th", { scope: "col", text })))]);
    const table = element("table", { class: "legend" }, [head, element("tbody", {}, cells.map(cell => cell.row))]);
    return { table, cells, now: head.querySelectorAll("th")[1] };
  }

  // Once the page has its widths.
  start() {
    for (const plot of this.plots) {
      plot.uplot = new uPlot(this.options(plot), values(plot), plot.draw);
      plot.draw.addEventListener("keydown", event => this.key(plot, event));
      // uPlot's own reset of one plot would leave the others as they are.
      plot.uplot.over.addEventListener("dblclick", () => this.view.show(...this.view.whole));
      this.extremes(plot);
    }
    this.view.on("range", () => {
      for (const plot of this.plots.filter(plot => plot.ofTime)) {
        plot.uplot.setScale("x", { min: this.view.from, max: this.view.to });
        this.extremes(plot);
      }
      this.point();
    });
    this.view.on("read", () => this.point());
    new ResizeObserver(() => this.resize()).observe(document.getElementById("main"));
  }

  resize() {
    for (const plot of this.plots) {
      const width = plot.draw.clientWidth;
      if (width > 0 && width !== plot.uplot.width) plot.uplot.setSize({ width, height: HEIGHT });
    }
  }

  redraw() {
    for (const plot of this.plots) plot.uplot.redraw(true, true);
  }

  options(plot) {
    const { view, data } = this;
    const axis = { stroke: () => cssColor("faint"), grid: { stroke: () => cssColor("grid"), width: 1 }, ticks: { show: false },
      font: "12px system-ui, sans-serif" };
    const top = () => valueAxis(highest(plot, view), plot.panel.whole);
    const x = plot.ofTime ? {
      splits: u => timeTicks(u.scales.x.min, u.scales.x.max, Math.max(2, u.width / 90), data.start).ticks,
      values: (u, splits) => splits.map(timeTicks(u.scales.x.min, u.scales.x.max, Math.max(2, u.width / 90), data.start).label),
    } : {
      splits: u => DURATIONS.map(seconds => Math.log1p(seconds)).filter(at => at <= u.scales.x.max),
      values: (_, splits) => splits.map(at => spoken(Math.round(Math.expm1(at)))),
    };
    return {
      width: Math.max(200, plot.draw.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      padding: [8, 24, 0, 0],
      cursor: {
        sync: plot.ofTime ? { key: this.sync, setSeries: false, scales: ["x", null] } : undefined,
        drag: { x: plot.ofTime, y: false, setScale: false },
        points: { show: false },
        focus: { prox: -1 },
        bind: { dblclick: () => () => null },
      },
      scales: {
        x: { time: false, range: () => plot.ofTime ? [view.from, view.to] : [0, Math.log1p(Math.max(1, plot.at[plot.at.length - 1]) * 1.02)] },
        y: { range: () => [0, top().end] },
      },
      axes: [{ ...axis, ...x, size: 30 },
        { ...axis, splits: () => top().ticks, values: (_, splits) => splits.map(amount), size: 58 }],
      series: [{}, ...plot.panel.series.map((series, index) => line(plot, series, index))],
      hooks: {
        drawAxes: [u => bands(u, plot)],
        setCursor: [u => {
          if (u.cursor.idx === null || u.cursor.idx === undefined || u.cursor.left < 0) return;
          if (!plot.ofTime) this.show(plot, u.cursor.idx);
          else if (!u.moving) view.read(view.indexAt(u.posToVal(u.cursor.left, "x")));
        }],
        setSelect: [u => {
          if (u.select.width < 4) return;
          const [from, to] = [u.select.left, u.select.left + u.select.width].map(left => u.posToVal(left, "x"));
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          view.show(from, to);
        }],
      },
    };
  }

  // All plots over time at the instant that is read.
  point() {
    const { index } = this.view;
    if (index === null) return;
    for (const plot of this.plots.filter(plot => plot.ofTime)) {
      this.show(plot, index);
      const left = plot.uplot.valToPos(plot.at[index], "x");
      plot.uplot.moving = true;
      plot.uplot.setCursor({ left, top: 10 }, true, false);
      plot.uplot.moving = false;
    }
  }

  show(plot, index) {
    const { panel, legend, at } = plot;
    const now = plot.ofTime ? instant(at[index], this.data.start, this.data.duration) : spoken(at[index]);
    plot.index = index;
    legend.now.textContent = now;
    const told = panel.series.map((series, place) => {
      const value = amount(series.values[index]);
      legend.cells[place].values[0].textContent = value;
      return `${series.label} ${value}`;
    });
    plot.draw.setAttribute("aria-valuenow", String(index));
    plot.draw.setAttribute("aria-valuetext", `${now}: ${told.join(", ")}`);
  }

  // Of the stretch that is shown, with what lies between samples.
  extremes(plot) {
    const [first, last] = plot.ofTime ? [this.view.indexAt(this.view.from), this.view.indexAt(this.view.to)] : [0, plot.at.length - 1];
    plot.panel.series.forEach((series, place) => {
      if (series.shape === "limit") return;
      const { values } = plot.legend.cells[place];
      const [low, high] = range(series, first, last);
      if (plot.ofTime) values[1].textContent = amount(low);
      values[values.length - 1].textContent = amount(high);
    });
  }

  key(plot, event) {
    const { view } = this;
    const far = event.shiftKey ? 10 : 1;
    const current = (plot.ofTime ? view.index : plot.index) ?? null;
    const go = index => {
      if (plot.ofTime) return view.read(index);
      index = Math.max(0, Math.min(index, plot.at.length - 1));
      this.show(plot, index);
      plot.uplot.setCursor({ left: plot.uplot.valToPos(Math.log1p(plot.at[index]), "x"), top: 10 });
    };
    const start = plot.ofTime ? view.indexAt(view.from) : 0;
    const page = Math.max(1, Math.round(plot.ofTime ? (view.indexAt(view.to) - start) / 10 : plot.at.length / 10));
    const keys = {
      ArrowRight: () => go(current === null ? start : current + far),
      ArrowUp: () => go(current === null ? start : current + far),
      ArrowLeft: () => go(current === null ? start : current - far),
      ArrowDown: () => go(current === null ? start : current - far),
      PageUp: () => go((current ?? start) + page),
      PageDown: () => go((current ?? start) - page),
      Home: () => go(start),
      End: () => go(plot.ofTime ? view.indexAt(view.to) : plot.at.length - 1),
      "+": () => view.closer(0.5),
      "=": () => view.closer(0.5),
      "-": () => view.closer(2),
      "0": () => view.show(...view.whole),
      Escape: () => view.show(...view.whole),
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (act) {
      act();
      event.preventDefault();
    }
  }
}

const DURATIONS = [0, 1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400, 259200, 864000, 2592000, 7776000];

// The upper edge of each series: of stacked ones the sum with those below.
function stackSums(panel) {
  let below = null;
  return panel.series.map(series => {
    if (series.shape !== "stack") return series.values;
    const sum = series.values.map((value, index) => (value ?? 0) + (below ? below[index] : 0));
    below = sum;
    return sum;
  });
}

// uPlot draws in this order: the highest of a stack first, so that each covers what lies below it.
function values(plot) {
  const x = plot.ofTime ? plot.at : plot.at.map(seconds => Math.log1p(seconds));
  return [x, ...order(plot.panel).map(place => plot.sums[place])];
}

function order(panel) {
  const places = panel.series.map((_, place) => place);
  const stack = places.filter(place => panel.series[place].shape === "stack").reverse();
  return [...stack, ...places.filter(place => panel.series[place].shape !== "stack")];
}

function line(plot, _, position) {
  const series = plot.panel.series[order(plot.panel)[position]];
  const stepped = series.shape !== "line";
  const fills = { area: 0.18, stack: 0.5 };
  return {
    stroke: () => cssColor(series.color),
    width: 1.5,
    dash: series.shape === "limit" ? [6, 4] : undefined,
    fill: series.shape in fills ? u => {
      const color = cssColor(series.color);
      if (series.shape === "area") return faded(color, fills.area);
      return mixed(color, cssColor("paper"), fills.stack);
    } : undefined,
    paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
    points: { show: false },
    spanGaps: false,
  };
}

// Opaque, so that what is stacked below does not shine through.
function mixed(color, paper, share) {
  const parts = [1, 3, 5].map(at => {
    const [one, other] = [color, paper.length === 4 ? "#ffffff" : paper].map(hex => parseInt(hex.slice(at, at + 2), 16));
    return Math.round(one * share + other * (1 - share));
  });
  return `rgb(${parts.join(",")})`;
}

// Behind the lines: what a count was between two samples, and the tolerance around a target.
function bands(u, plot) {
  const { ctx } = u, { left, top, width, height } = u.bbox;
  const y = value => u.valToPos(value, "y", true), x = value => u.valToPos(value, "x", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  for (const series of plot.panel.series) {
    const color = cssColor(series.color);
    if (series.band) {
      ctx.fillStyle = faded(color, 0.14);
      ctx.fillRect(left, y(series.band[1]), width, y(series.band[0]) - y(series.band[1]));
    }
    if (!series.low) continue;
    ctx.fillStyle = faded(color, 0.35);
    for (let index = 1; index < plot.at.length; index++) {
      if (series.low[index] === null || plot.at[index] < u.scales.x.min || plot.at[index - 1] > u.scales.x.max) continue;
      const [from, to] = [x(plot.at[index - 1]), x(plot.at[index])];
      const [high, low] = [y(series.high[index]), y(series.low[index])];
      ctx.fillRect(from, high, Math.max(1, to - from), Math.max(1, low - high));
    }
  }
  ctx.restore();
}

function range(series, first, last) {
  let [low, high] = [null, null];
  for (let index = first; index <= last; index++) {
    const value = series.values[index];
    if (value === null) continue;
    // What was between two samples counts where both are shown.
    const inside = series.low && index > first;
    const [under, over] = [inside ? series.low[index] ?? value : value, inside ? series.high[index] ?? value : value];
    low = low === null ? Math.min(value, under) : Math.min(low, value, under);
    high = high === null ? Math.max(value, over) : Math.max(high, value, over);
  }
  return [low, high];
}

// Up to where the axis has to reach; limits count where they are not far above the rest.
function highest(plot, view) {
  const [first, last] = plot.ofTime ? [view.indexAt(view.from), view.indexAt(view.to)] : [0, plot.at.length - 1];
  let top = 0;
  plot.panel.series.forEach((series, place) => {
    if (series.shape === "limit") return;
    const [, high] = range(series.shape === "stack" ? { values: plot.sums[place] } : series, first, last);
    top = Math.max(top, high ?? 0);
  });
  for (const series of plot.panel.series.filter(series => series.shape === "limit")) {
    const limit = series.values[0];
    if (limit <= 2 * top || top === 0) top = Math.max(top, limit);
  }
  return top;
}
