// Training jobs as bars over the stretch of time that is shown.
const ROW = 16;

class Gantt {
  constructor(data, view) {
    Object.assign(this, { jobs: data.jobs.rows, data, view, row: null });
  }

  begin() {
    const into = document.getElementById("gantt");
    if (!into) return;
    this.canvas = element("canvas", { tabindex: "0", role: "slider", "aria-label": "Training jobs: job that is read", "aria-orientation": "vertical",
      "aria-valuemin": "1", "aria-valuemax": String(this.jobs.length), "aria-valuenow": "1", "aria-valuetext": "no job is read yet" });
    this.told = element("p", { id: "gantt-told", text: "Point at a job, or move through them with the arrow keys." });
    const holder = element("div", { class: "scroll", tabindex: "-1" }, [this.canvas]);
    into.append(this.told, holder);
    this.canvas.addEventListener("pointermove", event => {
      const row = Math.floor((event.offsetY - 4) / ROW);
      if (row >= 0 && row < this.jobs.length) this.read(row);
    });
    this.canvas.addEventListener("keydown", event => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10 }[event.key];
      if (step === undefined) return;
      this.read(Math.max(0, Math.min((this.row ?? (step > 0 ? -1 : this.jobs.length)) + step, this.jobs.length - 1)));
      event.preventDefault();
    });
    this.view.on("range", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(into);
    this.draw();
  }

  read(row) {
    if (row === this.row) return;
    this.row = row;
    const job = this.jobs[row];
    const text = `${job.name}: ${job.told}; arrives at ${instant(job.arrival, this.data.start, this.data.duration)}`;
    this.told.textContent = text;
    this.canvas.setAttribute("aria-valuenow", String(row + 1));
    this.canvas.setAttribute("aria-valuetext", text);
    this.draw();
  }

  draw() {
    const { canvas, jobs, view } = this;
    const width = canvas.parentElement.clientWidth, height = jobs.length * ROW + 30, scale = devicePixelRatio || 1;
    if (width === 0) return;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    canvas.style.display = "block";
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    const left = Math.min(width / 3, 20 + Math.max(...jobs.map(job => context.measureText(job.name).width)));
    const x = at => left + (at - view.from) / (view.to - view.from) * (width - left - 14);
    const { ticks, label } = timeTicks(view.from, view.to, Math.max(2, (width - left) / 90), this.data.start);
    context.strokeStyle = cssColor("grid");
    context.fillStyle = cssColor("faint");
    context.textAlign = "center";
    for (const tick of ticks) {
      context.beginPath();
      context.moveTo(x(tick), 0);
      context.lineTo(x(tick), height - 24);
      context.stroke();
      context.fillText(label(tick), x(tick), height - 12);
    }
    const hatch = hatching(cssColor("orange"));
    jobs.forEach((job, row) => {
      const top = 4 + row * ROW;
      if (row === this.row) {
        context.fillStyle = cssColor("panel");
        context.fillRect(0, top - 1, width, ROW);
      }
      context.fillStyle = cssColor("ink");
      context.textAlign = "right";
      context.fillText(fitting(context, job.name, left - 14), left - 8, top + ROW / 2 - 1);
      context.save();
      context.beginPath();
      context.rect(left, 0, width - left, height);
      context.clip();
      const end = view.whole[1], started = job.started ?? end;
      this.bar(context, x(job.arrival), x(started), top, context.createPattern(hatch, "repeat"), cssColor("orange"));
      if (job.started !== null) this.bar(context, x(started), x(job.finished ?? end), top, faded(cssColor("blue"), 0.6), cssColor("blue"));
      context.restore();
    });
  }

  bar(context, from, to, top, fill, stroke) {
    if (to - from < 0.5) return;
    context.fillStyle = fill;
    context.fillRect(from, top, to - from, ROW - 4);
    context.strokeStyle = stroke;
    context.strokeRect(from + 0.5, top + 0.5, Math.max(0.5, to - from - 1), ROW - 5);
  }
}

function hatching(color) {
  const tile = element("canvas");
  tile.width = tile.height = 6;
  const context = tile.getContext("2d");
  context.strokeStyle = color;
  context.lineWidth = 1.4;
  for (const start of [-6, 0, 6]) {
    context.beginPath();
    context.moveTo(start, 6);
    context.lineTo(start + 6, 0);
    context.stroke();
  }
  return tile;
}

function fitting(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let kept = text.length;
  while (kept > 4 && context.measureText(text.slice(0, kept / 2) + "…" + text.slice(-kept / 2)).width > width) kept -= 2;
  return text.slice(0, kept / 2) + "…" + text.slice(-kept / 2);
}
