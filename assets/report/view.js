// What all plots show together: a stretch of time, and the instant that is read. Whoever wants to know subscribes.
class View {
  constructor(at, duration) {
    this.at = at;
    this.whole = [0, duration > 0 ? duration : 1];
    [this.from, this.to] = this.whole;
    this.index = null;
    this.listeners = { range: [], read: [] };
  }

  on(what, listener) {
    this.listeners[what].push(listener);
  }

  tell(what) {
    for (const listener of this.listeners[what]) listener(this);
  }

  isWhole() {
    return this.from === this.whole[0] && this.to === this.whole[1];
  }

  show(from, to) {
    const least = Math.min(60, (this.whole[1] - this.whole[0]) / 20);
    from = Math.max(this.whole[0], Math.min(from, this.whole[1] - least));
    to = Math.min(this.whole[1], Math.max(to, from + least));
    if (from === this.from && to === this.to) return;
    [this.from, this.to] = [from, to];
    this.tell("range");
  }

  // By a factor, around the instant that is read.
  closer(factor) {
    const center = this.index === null ? (this.from + this.to) / 2 : this.at[this.index];
    const around = Math.min(Math.max(center, this.from), this.to);
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  // The sample that holds at an instant: the last one no later.
  read(index) {
    if (index !== null) index = Math.max(0, Math.min(index, this.at.length - 1));
    if (index === this.index) return;
    this.index = index;
    if (index !== null && (this.at[index] < this.from || this.at[index] > this.to)) {
      const width = this.to - this.from;
      const from = Math.max(this.whole[0], Math.min(this.at[index] - width / 2, this.whole[1] - width));
      this.show(from, from + width);
    }
    this.tell("read");
  }

  indexAt(seconds) {
    let [low, high] = [0, this.at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] <= seconds) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}
