// The decisions of the stretch of time that is shown, by who made them and what they say.
const LISTED = 100;

class Decisions {
  constructor(data, view, sync) {
    Object.assign(this, { data: data.decisions, start: data.start, duration: data.duration, view, sync });
    this.most = LISTED;
    this.lower = this.data.texts.map(text => text.toLowerCase());
  }

  begin() {
    const { data } = this;
    if (data.rows.length === 0) return;
    document.getElementById("decisions").hidden = false;
    const boxes = document.getElementById("controllers");
    this.boxes = data.controllers.map((name, index) => {
      const box = element("input", { type: "checkbox" });
      box.checked = true;
      boxes.append(element("label", {}, [box, ` ${name} (${amount(data.made[index])})`]));
      return box;
    });
    this.text = document.getElementById("text");
    const form = document.getElementById("filter");
    const anew = () => {
      this.most = LISTED;
      this.list();
    };
    form.addEventListener("input", anew);
    form.addEventListener("submit", event => event.preventDefault());
    this.view.on("range", () => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(anew);
    });
    document.getElementById("more").addEventListener("click", () => {
      this.most += LISTED;
      this.list();
    });
    this.list();
  }

  // Rows that the filters let through; those of the overview, which shows the whole run, at any time.
  found(anytime) {
    const { rows } = this.data, { from, to } = this.view;
    const wanted = this.boxes.map(box => box.checked);
    const text = this.text.value.trim().toLowerCase();
    const has = index => this.lower[index].includes(text);
    return rows.filter(([at, controller, object, before, after, reason]) =>
      (anytime || (at >= from && at <= to)) && wanted[controller]
      && (text === "" || has(object) || has(reason) || has(before) || has(after)));
  }

  list() {
    const { texts, controllers } = this.data;
    const found = this.found(false);
    const when = this.view.isWhole() ? "in the whole run"
      : `from ${this.instant(this.view.from)} to ${this.instant(this.view.to)}`;
    const shown = Math.min(found.length, this.most);
    document.getElementById("found").textContent =
      `${amount(found.length)} decision${found.length === 1 ? "" : "s"} ${when}` + (shown < found.length ? `, the first ${amount(shown)} are listed` : "");
    document.getElementById("more").hidden = shown >= found.length;
    const rows = found.slice(0, shown).map(([at, controller, object, from, to, reason]) => {
      const go = element("button", { type: "button", text: this.instant(at), "aria-label": `Read the plots at ${this.instant(at)}` });
      go.addEventListener("click", () => this.view.read(this.view.indexAt(at)));
      const cells = [controllers[controller], texts[object], texts[from], texts[to], texts[reason]];
      return element("tr", {}, [element("td", {}, [go]), ...cells.map(text => element("td", {}, [element("bdi", { text })]))]);
    });
    document.getElementById("listed").replaceChildren(...rows);
    if (this.onList) this.onList();
  }

  instant(seconds) {
    return instant(seconds, this.start, this.duration);
  }
}
