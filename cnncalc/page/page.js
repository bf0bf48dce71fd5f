"use strict";
(() => {
  const root = document.documentElement;
  const find = (query, within = document) => within.querySelector(query);
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const data = JSON.parse(document.getElementById("data").textContent);
  root.classList.add("js");

  // Numbers: integers of any size, written as the command line writes them.

  const STEPS = {
    iec: [1024n, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]],
    notes: [1024n, ["B", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]],
    si: [1000n, ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]],
  };
  const UNITS = {
    "": 1n, B: 1n, KiB: 1024n, MiB: 1024n ** 2n, GiB: 1024n ** 3n, TiB: 1024n ** 4n,
    kB: 1000n, KB: 1000n, MB: 1000n ** 2n, GB: 1000n ** 3n, TB: 1000n ** 4n,
  };
  const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

  /** count / size rounded half up to significant digits, as an integer and the number of its decimals. */
  function significant(count, size, digits) {
    let decimals = digits - 1;
    while (decimals > 0 && count >= size * 10n ** BigInt(digits - decimals)) decimals -= 1;
    const rounded = (places) => (2n * count * 10n ** BigInt(places) + size) / (2n * size);
    if (decimals && rounded(decimals) >= 10n ** BigInt(digits)) decimals -= 1;
    return [rounded(decimals), decimals];
  }

  function written(rounded, decimals) {
    const text = String(rounded).padStart(decimals + 1, "0");
    return decimals ? `${text.slice(0, -decimals)}.${text.slice(-decimals)}` : text;
  }

  function bytes(count) {
    const [step, names] = STEPS[data.units];
    let size = 1n;
    let unit = 0;
    while (unit + 1 < names.length && count >= size * step) {
      size *= step;
      unit += 1;
    }
    if (!unit) return `${count} B`;
    let [rounded, decimals] = significant(count, size, 4);
    if (rounded >= step * 10n ** BigInt(decimals) && unit + 1 < names.length) {
      [rounded, decimals, unit] = [1000n, 3, unit + 1];
    }
    return `${written(rounded, decimals)} ${names[unit]}`;
  }

  function short(count) {
    if (count < 10000n) return String(count);
    let unit = Math.min(Math.floor((String(count).length - 1) / 3), 4);
    let [rounded, decimals] = significant(count, 1000n ** BigInt(unit), 4);
    if (rounded >= 1000n * 10n ** BigInt(decimals) && unit < 4) {
      unit += 1;
      [rounded, decimals] = significant(count, 1000n ** BigInt(unit), 4);
    }
    return written(rounded, decimals) + ["", "K", "M", "G", "T"][unit];
  }

  const tenths = (part, whole) => (whole ? (2000n * part + whole) / (2n * whole) : 0n);
  const percent = (part, whole) => `${written(tenths(part, whole), 1)} %`;

  /** A change with its sign; a small one has as many decimals, up to nine, as its first digit needs. */
  function signedPercent(change, whole) {
    const part = change < 0n ? -change : change;
    for (let decimals = 1; whole && decimals <= 9; decimals += 1) {
      const digits = (2n * 10n ** BigInt(decimals + 2) * part + whole) / (2n * whole);
      if (digits) return `${change < 0n ? "\u2212" : "+"}${written(digits, decimals)} %`;
    }
    return percent(0n, whole);
  }

  const images = (count) => `${grouped(count)} image${count === 1n ? "" : "s"}`;

  /** Parses bytes such as 8GiB, 512 MB, 1.5 GiB; null for anything else. */
  function readBytes(text) {
    const found = /^([0-9]{1,18})(?:\.([0-9]{1,18}))? ?([A-Za-z]*)$/.exec(text.trim());
    if (!found || !(found[3] in UNITS)) return null;
    const part = found[2] || "";
    const whole = BigInt(found[1] + part) * UNITS[found[3]];
    const each = 10n ** BigInt(part.length);
    return whole % each ? null : whole / each;
  }

  // The theme: that of the system until the button is pressed.

  const theme = find("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => {
    theme.setAttribute("aria-pressed", String(isDark()));
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  // Tables that can be sorted; the layer table can be searched and folded, too.

  const natural = new Intl.Collator("en", { numeric: true }).compare;

  class Rows {
    constructor(table) {
      this.table = table;
      this.body = table.tBodies[0];
      this.status = find("#found");
      this.query = "";
      this.isLayers = table.id === "layers"; // its first column is the index of the layer
      this.column = this.isLayers ? 0 : -1;
      this.down = false;
      this.rows = [...this.body.rows].map((line, number) => ({
        line,
        number,
        level: Number(line.dataset.l || 0),
        isBlock: line.classList.contains("block"),
        isOpen: true,
        parent: null,
        values: [],
        text: line.cells[1].textContent + " " + line.cells[2].textContent + " " + line.cells[3].textContent +
          " " + (line.cells[9] ? line.cells[9].textContent : ""),
      }));
      const open = [];
      for (const row of this.rows) {
        while (open.length && open[open.length - 1].level >= row.level) open.pop();
        row.parent = open.length ? open[open.length - 1] : null;
        if (row.isBlock) open.push(row);
        row.text = row.text.toLowerCase();
      }
      this.heads = [...table.tHead.rows[0].cells];
      this.isNumber = this.heads.map((head) => head.classList.contains("n"));
      for (const row of this.rows) {
        row.values = [...row.line.cells].map((cell, place) => this.value(cell, place, row));
      }
      this.heads.forEach((head, place) => this.makeSortable(head, place));
      for (const row of this.rows) if (row.isBlock) this.makeFoldable(row);
      this.layers = this.rows.filter((row) => !row.isBlock);
      this.shares = this.heads.map((head, place) => (head.classList.contains("share") ? place : -1)).filter((p) => p >= 0);
      this.show();
    }

    value(cell, place, row) {
      if (!this.isNumber[place]) return cell.textContent;
      if (cell.dataset.v !== undefined) return BigInt(cell.dataset.v);
      const text = cell.firstChild ? cell.firstChild.data.replace(/,/g, "") : "";
      if (text) return BigInt(text);
      return this.isLayers && place === 0 ? BigInt(row.number) : 0n;
    }

    makeSortable(head, place) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = head.textContent;
      if (this.isLayers && place === 0) button.setAttribute("aria-label", "# (index of the layer)");
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        // numbers start in descending order, names and indices in ascending order
        const first = this.isNumber[place] && place > 0;
        this.down = this.column === place ? !this.down : first;
        this.column = place;
        this.show();
      });
    }

    makeFoldable(row) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "fold";
      const head = row.line.cells[1];
      button.append(...head.childNodes);
      head.append(button);
      row.button = button;
      button.addEventListener("click", () => {
        row.isOpen = !row.isOpen;
        this.show();
        button.focus();
      });
      button.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        row.isOpen = event.key === "ArrowRight";
        this.show();
        button.focus();
        event.preventDefault();
      });
    }

    setAll(isOpen) {
      for (const row of this.rows) row.isOpen = isOpen;
      this.show();
    }

    isInside(row) {
      for (let block = row.parent; block; block = block.parent) if (!block.isOpen) return true;
      return false;
    }

    isInNetOrder() {
      return !this.query && (this.column < 0 || (this.isLayers && this.column === 0 && !this.down));
    }

    /** The visible rows in order. A folded block is sorted as one row; a search only finds layers. */
    visibleRows() {
      if (this.query) return this.sorted(this.layers.filter((row) => row.text.includes(this.query)));
      const rows = this.rows.filter((row) => !this.isInside(row));
      if (this.isInNetOrder()) return rows;
      return this.sorted(rows.filter((row) => !row.isBlock || !row.isOpen));
    }

    sorted(rows) {
      const { down } = this;
      const column = Math.max(0, this.column);
      const order = this.isNumber[column] ? (a, b) => (a < b ? -1 : a > b ? 1 : 0) : natural;
      return rows.sort((a, b) => (down ? -1 : 1) * order(a.values[column], b.values[column]) || a.number - b.number);
    }

    show() {
      const seen = this.visibleRows();
      const visible = new Set(seen);
      const isFlat = !this.isInNetOrder();
      // hidden rows are printed: in place, or after the sorted rows
      const rows = isFlat ? [...seen, ...this.rows.filter((row) => !visible.has(row))] : this.rows;
      this.body.append(...rows.map((row) => row.line));
      for (const row of this.rows) {
        row.line.classList.toggle("off", !visible.has(row));
        if (row.button) row.button.setAttribute("aria-expanded", String(row.isOpen));
      }
      const plain = seen.filter((row) => !row.isBlock || !row.isOpen);
      for (const place of this.shares) {
        const most = plain.reduce((most, row) => (row.values[place] > most ? row.values[place] : most), 1n);
        for (const row of seen) {
          const part = row.isBlock && row.isOpen ? 0 : Number((1000n * row.values[place]) / most) / 10;
          row.line.cells[place].style.setProperty("--p", `${part}%`);
        }
      }
      this.heads.forEach((head, place) => {
        if (place === this.column) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      this.table.classList.toggle("flat", isFlat);
      this.report(seen);
    }

    report(seen) {
      if (!this.isLayers) return;
      const layers = seen.filter((row) => !row.isBlock).length;
      const away = this.layers.length - layers;
      const folded = away ? `${grouped(away)} layer${away === 1 ? "" : "s"} hidden` : "";
      this.status.textContent = this.query ? `${grouped(layers)} of ${grouped(this.layers.length)} layers found` : folded;
    }
  }

  const tables = all("table.sortable").map((table) => new Rows(table));
  const layers = tables.find((rows) => rows.table.id === "layers");
  if (layers) {
    const tools = find("#tools");
    tools.hidden = false;
    tools.addEventListener("submit", (event) => event.preventDefault());
    find("#search").addEventListener("input", (event) => {
      layers.query = event.target.value.trim().toLowerCase();
      layers.show();
    });
    const hasBlocks = layers.rows.some((row) => row.isBlock);
    find("#folding").hidden = !hasBlocks;
    find("#fold").addEventListener("click", () => layers.setAll(false));
    find("#unfold").addEventListener("click", () => layers.setAll(true));
    const cells = all("td.n:not([data-v])", layers.table)
      .filter((cell) => cell.cellIndex > 0 && cell.firstChild)
      .map((cell) => [cell.firstChild, cell.firstChild.data]);
    const memory = all("td.n[data-v]", layers.table)
      .filter((cell) => cell.cellIndex === 5 && cell.firstChild)
      .map((cell) => [cell.firstChild, cell.firstChild.data, `${grouped(cell.dataset.v)} B`]);
    const writeNumbers = (form) => {
      for (const [node, exact] of cells) {
        node.data = form === "short" && /^[0-9,]+$/.test(exact) ? short(BigInt(exact.replace(/,/g, ""))) : exact;
      }
      for (const [node, rounded, exact] of memory) node.data = form === "short" ? rounded : exact;
      layers.table.classList.toggle("formulas", form === "formula");
    };
    for (const radio of all("input[name=numbers]")) {
      radio.addEventListener("change", () => writeNumbers(radio.value));
    }
    writeNumbers(find("input[name=numbers]:checked").value);
    if (hasBlocks && layers.layers.length > data.fold) layers.setAll(false);
  }

  // A part that scrolls sideways says so, and fades where more of it is hidden at the right.

  for (const frame of all(".scroll")) {
    const cue = () => {
      const hidden = frame.scrollWidth - frame.clientWidth;
      frame.classList.toggle("scrolls", hidden > 1);
      frame.classList.toggle("more", hidden - frame.scrollLeft > 1);
    };
    frame.addEventListener("scroll", cue, { passive: true });
    const sizes = new ResizeObserver(cue);
    sizes.observe(frame);
    sizes.observe(frame.firstElementChild);
  }

  // A graph that is wider than its frame starts scrolled to its middle.

  for (const frame of all("figure.graph .scroll")) frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;

  // Memory: the peaks of any batch, from the live sizes at the operations that can be the largest.

  const PARTS = ["parameters", "gradients", "optimizer_state", "buffers", "inputs", "activations", "transient"];
  const LARGEST = 1n << 24n;

  class Curve {
    constructor(net) {
      this.net = net;
      this.rounding = BigInt(net.rounding);
      this.sizes = net.sizes.map(([fixed, each]) => [BigInt(fixed), BigInt(each)]);
    }

    /** The bytes of [fixed, size, count, size, count, ...], each size by its index. */
    amount(list, batch) {
      let total = BigInt(list[0]);
      for (let place = 1; place < list.length; place += 2) {
        const [fixed, each] = this.sizes[list[place]];
        const size = fixed + batch * each;
        total += BigInt(list[place + 1]) * (((size + this.rounding - 1n) / this.rounding) * this.rounding);
      }
      return total;
    }

    /** The live bytes at one operation. */
    operation([at, phase, ...amounts], batch) {
      const [activations, gradients, transient] = amounts.map((amount) => this.amount(amount, batch));
      return { at, phase, activations, gradients, transient, total: activations + gradients + transient };
    }

    highest(course, batch) {
      let best = null;
      for (const operation of course.moments) {
        const here = this.operation(operation, batch);
        if (!best || here.total > best.total) best = here;
      }
      return best;
    }

    training(batch, optimizer) {
      const course = this.net.special[String(batch)] || this.net.step;
      const [state, temporary] = this.net.optimizers[optimizer].map(BigInt);
      let best = this.highest(course, batch);
      if (course.end) {
        const end = this.operation(course.end, batch);
        if (end.total + temporary > best.total) best = { ...end, isStep: true, transient: end.transient + temporary };
      }
      return this.peak(course, best, batch, state);
    }

    inference(batch) {
      const course = this.net.special_forward[String(batch)] || this.net.forward;
      return this.peak(course, this.highest(course, batch), batch, 0n);
    }

    peak(course, best, batch, state) {
      const parts = {
        parameters: BigInt(this.net.parameters),
        gradients: best.gradients,
        optimizer_state: state,
        buffers: BigInt(this.net.buffers),
        inputs: this.amount(course.inputs, batch),
        activations: best.activations,
        transient: best.transient,
      };
      const total = PARTS.reduce((sum, part) => sum + parts[part], 0n);
      return { total, parts, at: best.at, phase: best.phase, isStep: Boolean(best.isStep) };
    }
  }

  /** The largest batch whose peak fits; 0n if one image does not fit. */
  function largestBatch(peak, room) {
    if (peak(1n) > room) return 0n;
    let low = 1n;
    let high = 2n;
    while (peak(high) <= room) {
      if (high >= LARGEST) return LARGEST;
      low = high;
      high *= 2n;
    }
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (peak(middle) <= room) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Peaks by batch size as lines; both scales are logarithmic. */
  class Chart {
    constructor(figure) {
      figure.hidden = false;
      this.svg = find("svg", figure);
      this.frame = { left: 66, right: 440, top: 14, bottom: 300 };
    }

    add(kind, attributes, text) {
      const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
      if (text !== undefined) element.textContent = text;
      this.svg.append(element);
    }

    /** The width of the widest text. */
    longest(texts) {
      let most = 0;
      for (const text of texts) {
        this.add("text", {}, text);
        most = Math.max(most, this.svg.lastElementChild.getComputedTextLength());
        this.svg.lastElementChild.remove();
      }
      return most;
    }

    /** ``lines`` are [label, class, batch => bytes]; ``mark`` is the current batch, ``room`` the device memory. */
    draw(lines, mark, room) {
      const { left, top, bottom } = this.frame;
      const right = Math.min(this.frame.right, 550 - this.longest(lines.map(([label]) => label)));
      while (this.svg.childElementCount > 1) this.svg.lastElementChild.remove();
      const isDecimal = data.units === "si";
      const log = (count) => Math.log2(Number(count));
      const scaled = (count) => (isDecimal ? Math.log10(Number(count)) : log(count));
      const last = Math.max(8, Math.ceil(log(mark)));
      const batches = Array.from({ length: last + 1 }, (_, power) => 2n ** BigInt(power));
      const drawn = lines.map(([label, look, peak]) => [label, look, batches.map((batch) => scaled(peak(batch) || 1n)), peak]);
      const values = drawn.flatMap(([, , points]) => points);
      const low = Math.floor(Math.min(...values));
      const high = Math.max(low + 1, Math.ceil(Math.max(...values)));
      const x = (power) => left + ((right - left) * power) / last;
      const y = (value) => bottom - ((bottom - top) * (value - low)) / (high - low);
      const step = Math.ceil((high - low) / 8);
      const names = STEPS[data.units][1];
      const digits = isDecimal ? 3 : 10;
      for (let power = low; power <= high; power += step) {
        const unit = Math.max(0, Math.min(names.length - 1, Math.floor(power / digits)));
        const count = (isDecimal ? 10 : 2) ** (power - digits * unit);
        this.add("path", { class: "grid", d: `M${left} ${y(power)}H${right}` });
        this.add("text", { x: left - 8, y: y(power) + 4, "text-anchor": "end" }, `${count} ${names[unit]}`);
      }
      const every = Math.ceil(last / 9);
      for (let power = 0; power <= last; power += every) {
        this.add("text", { x: x(power), y: bottom + 18, "text-anchor": "middle" }, short(2n ** BigInt(power)));
      }
      this.add("text", { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" }, "batch size");
      const at = x(log(mark));
      this.add("path", { class: "mark", d: `M${at} ${top}V${bottom}` });
      if (room !== null && scaled(room || 1n) > low && scaled(room || 1n) < high) {
        this.add("path", { class: "room", d: `M${left} ${y(scaled(room))}H${right}` });
        this.add("text", { x: left + 6, y: y(scaled(room)) - 5 }, bytes(room));
      }
      let free = -Infinity;
      for (const [label, look, points, peak] of drawn.sort((a, b) => b[2][last] - a[2][last])) {
        const path = points.map((value, power) => `${power ? "L" : "M"}${x(power).toFixed(1)} ${y(value).toFixed(1)}`);
        this.add("path", { class: `line ${look}`, d: path.join("") });
        this.add("circle", { class: look, cx: at, cy: y(scaled(peak(mark) || 1n)), r: 3.5 });
        free = Math.max(free + 14, y(points[last]) + 4);
        this.add("text", { class: look, x: right + 8, y: free }, label);
      }
    }
  }

  const controls = find("#controls");
  if (controls) {
    controls.hidden = false;
    controls.addEventListener("submit", (event) => event.preventDefault());
    const [slide, typed, chosen, room] = ["slide", "batch", "optimizer", "room"].map((id) => find(`#${id}`));
    const curves = data.nets.map((net) => new Curve(net));
    const blocks = all("[data-net]");
    let batch = BigInt(data.batch);
    let deviceMemory = readBytes(room.value);
    let waiting = 0;

    const put = (block, key, text, count) => {
      const place = find(`[data-out="${key}"]`, block);
      place.textContent = text;
      if (count !== undefined) place.dataset.bytes = String(count);
    };

    const where = (peak, block, key) => {
      const place = find(`[data-out="${key}"]`, block);
      const layer = document.createElement("bdi");
      layer.textContent = peak.at;
      if (peak.isStep) place.replaceChildren("in the optimizer step");
      else if (peak.phase) place.replaceChildren(`in the ${peak.phase} pass of `, layer);
      else place.replaceChildren("at ", layer);
    };

    const wrong = (field, text) => {
      field.setAttribute("aria-invalid", String(Boolean(text)));
      find(`#${field.id}-wrong`).textContent = text;
    };

    const chart = new Chart(find("#curve"));
    const drawChart = () => {
      const lines = curves.flatMap((curve, number) => {
        const letters = Array.from(curve.net.name);
        const cut = letters.length > 20 ? `${letters.slice(0, 19).join("")}\u2026` : curve.net.name;
        const of = curves.length > 1 ? ` ${cut}` : "";
        return [
          [`training${of}`, `c${number}`, (count) => curve.training(count, chosen.value).total],
          [`inference${of}`, `c${number} thin`, (count) => curve.inference(count).total],
        ];
      });
      if (curves.length === 1) {
        const [each, parameters, waiting] = curves[0].net.notes.map(BigInt);
        lines.push(["CS231n estimate", "rule", (count) => (2n * each + waiting) * count + 3n * parameters]);
      }
      chart.draw(lines, batch, deviceMemory);
    };

    function show() {
      drawChart();
      const announced = [];
      curves.forEach((curve, number) => {
        const block = blocks[number];
        const training = curve.training(batch, chosen.value);
        const inference = curve.inference(batch);
        put(block, "with", `${images(batch)}, ${chosen.value}`);
        for (const [key, peak] of [["training", training], ["inference", inference]]) {
          put(block, `${key}-peak`, bytes(peak.total), peak.total);
          put(block, `${key}-exact`, `${grouped(peak.total)} bytes`);
          where(peak, block, `${key}-at`);
          for (const part of PARTS) put(block, `${key}-${part}`, bytes(peak.parts[part]), peak.parts[part]);
          put(block, `${key}-sum`, bytes(peak.total), peak.total);
        }
        let at = 0n;
        const whole = training.total || 1n;
        for (const part of PARTS) {
          put(block, `share-${part}`, percent(training.parts[part], training.total));
          const bar = find(`[data-part="${part}"]`, block);
          const x = (10000n * at) / whole;
          at += training.parts[part];
          bar.setAttribute("x", String(x));
          bar.setAttribute("width", String((10000n * at) / whole - x));
        }
        const [each, parameters, waiting] = curve.net.notes.map(BigInt);
        const rule = (2n * each + waiting) * batch + 3n * parameters;
        const forward = (each + waiting) * batch + parameters;
        put(block, "training-notes", bytes(rule), rule);
        put(block, "inference-notes", bytes(forward), forward);
        const off = rule - training.total;
        put(block, "deviation", signedPercent(off, training.total));
        find(".fits", block).hidden = deviceMemory === null;
        if (deviceMemory !== null) {
          const most = largestBatch((count) => curve.training(count, chosen.value).total, deviceMemory);
          const alone = largestBatch((count) => curve.inference(count).total, deviceMemory);
          const text = (count) => (count === LARGEST ? `at least ${grouped(count)}` : grouped(count));
          put(block, "fits-training", most ? text(most) : "none");
          find('[data-out="fits-training"]', block).dataset.batch = String(most);
          put(block, "fits-inference", `${alone ? text(alone) : "none"} in inference`);
          find('[data-out="fits-inference"]', block).dataset.batch = String(alone);
        }
        announced.push(
          `${curve.net.name}, ${images(batch)}, ${chosen.value}: training ${bytes(training.total)}, ` +
            `inference ${bytes(inference.total)}`,
        );
      });
      slide.setAttribute("aria-valuetext", images(batch));
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        find("#status").textContent = announced.join("; ");
      }, 400);
    }

    slide.addEventListener("input", () => {
      batch = BigInt(data.stops[Number(slide.value)]);
      typed.value = String(batch);
      wrong(typed, "");
      show();
    });
    typed.addEventListener("input", () => {
      const text = typed.value.replace(/[ ,]/g, "");
      if (!/^[0-9]{1,18}$/.test(text) || BigInt(text) < 1n) {
        wrong(typed, "An integer of at least 1.");
        return;
      }
      wrong(typed, "");
      batch = BigInt(text);
      const below = data.stops.filter((stop) => BigInt(stop) <= batch);
      slide.value = String(below.length - 1);
      show();
    });
    chosen.addEventListener("change", show);
    room.addEventListener("input", () => {
      deviceMemory = readBytes(room.value);
      wrong(room, deviceMemory === null ? "A number and a unit, such as 8 GiB." : "");
      show();
    });
    show();
  }
})();
