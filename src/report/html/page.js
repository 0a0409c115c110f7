// What the page does beyond reading and printing: tips at its charts, tables that sort, CSV, and
// sliders. Needs nothing but what stands in docs/report.md; without it the page is whole. Text only
// ever becomes text: nothing here makes markup of a string.
(() => {
  'use strict';

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

  // Tips: beside the pointer, or at the mark that the keyboard is on. They are also the marks'
  // labels, so that nothing is said twice.

  function tips() {
    const tip = make('div', { className: 'tip', hidden: true });
    tip.setAttribute('aria-hidden', 'true');
    document.body.append(tip);
    const hide = () => { tip.hidden = true; };
    const place = (x, y) => {
      const gap = 14;
      const { offsetWidth: width, offsetHeight: height } = tip;
      const { clientWidth, clientHeight } = document.documentElement;
      const left = x + gap + width > clientWidth ? x - gap - width : x + gap;
      const top = y + gap + height > clientHeight ? y - gap - height : y + gap;
      tip.style.left = `${Math.max(4, left)}px`;
      tip.style.top = `${Math.max(4, top)}px`;
    };
    const show = (mark, x, y) => {
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
      place(x, y);
    };
    const marked = (event) => event.target instanceof Element && event.target.closest('[data-tip]');
    const follow = (event) => {
      const mark = marked(event);
      if (mark) show(mark, event.clientX, event.clientY);
      else hide();
    };
    document.addEventListener('pointermove', follow);
    document.addEventListener('pointerdown', follow);
    document.addEventListener('pointerleave', hide);
    // Focus may scroll the page: the tip goes with its mark.
    const focused = () => {
      const mark = document.activeElement;
      if (tip.hidden || !mark || !mark.dataset.tip) return hide();
      const box = mark.getBoundingClientRect();
      return show(mark, (box.left + box.right) / 2, (box.top + box.bottom) / 2);
    };
    document.addEventListener('focusin', (event) => {
      tip.hidden = !marked(event);
      focused();
    });
    document.addEventListener('focusout', hide);
    document.addEventListener('scroll', focused, { passive: true, capture: true });
    document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
  }

  // A chart is one stop of the Tab key; arrows go from mark to mark within it.
  function keys(chart) {
    const marks = all('[data-tip]', chart);
    marks.slice(1).forEach((mark) => mark.setAttribute('tabindex', '-1'));
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    chart.addEventListener('keydown', (event) => {
      const from = marks.indexOf(event.target);
      if (from < 0) return;
      const ends = { Home: 0, End: marks.length - 1 };
      const to = ends[event.key] ?? from + (steps[event.key] ?? NaN);
      const mark = marks[to];
      if (!mark) return;
      event.preventDefault();
      marks[from].setAttribute('tabindex', '-1');
      mark.setAttribute('tabindex', '0');
      mark.focus();
    });
  }

  // Tables: a heading is a button; words first run from A, numbers from the greatest, what is
  // missing stays last, and the third press brings the first order back.

  const number = (cell) => (cell && cell.dataset.value ? Number(cell.dataset.value) : NaN);
  const words = (cell) => (cell ? cell.textContent.trim() : '');

  function order(rows, column, direction) {
    const numeric = rows.some((row) => !Number.isNaN(number(row.cells[column])));
    const compare = (a, b) => {
      const [left, right] = [a.cells[column], b.cells[column]];
      if (!numeric) {
        const text = words(left).localeCompare(words(right), undefined, { numeric: true });
        return direction === 'ascending' ? text : -text;
      }
      const [x, y] = [number(left), number(right)];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return direction === 'ascending' ? x - y : y - x;
    };
    return [...rows].sort(compare);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const heads = all('thead th', table);
    if (!body || body.rows.length < 2) return;
    const first = [...body.rows];
    const press = (column) => {
      const numeric = first.some((row) => !Number.isNaN(number(row.cells[column])));
      const turns = numeric ? ['descending', 'ascending'] : ['ascending', 'descending'];
      const direction = [...turns, 'none'][turns.indexOf(heads[column].getAttribute('aria-sort')) + 1];
      heads.forEach((head) => head.removeAttribute('aria-sort'));
      if (direction !== 'none') heads[column].setAttribute('aria-sort', direction);
      table.classList.toggle('sorted', direction !== 'none');
      body.append(...(direction === 'none' ? first : order(first, column, direction)));
    };
    heads.forEach((head, column) => {
      if (!words(head)) return;
      const button = make('button', { type: 'button', className: 'sort' });
      button.append(...head.childNodes);
      button.addEventListener('click', () => press(column));
      head.append(button);
    });
  }

  // CSV: raw numbers, CRLF, quotes where they are needed (RFC 4180). Text that a spreadsheet would
  // take for a formula is marked as text.

  function field(cell) {
    const raw = cell.dataset.csv ?? cell.dataset.value;
    const text = raw ?? cell.innerText.replace(/\s+/g, ' ').trim();
    const safe = raw === undefined && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  function csv(button) {
    const table = document.getElementById(button.dataset.table);
    if (!table) return;
    button.hidden = false;
    button.addEventListener('click', () => {
      const lines = [...table.rows].map((row) => [...row.cells].map(field).join(','));
      // Spreadsheets know by the mark at the beginning that this is UTF-8.
      const blob = new Blob(['\ufeff', lines.join('\r\n'), '\r\n'], { type: 'text/csv' });
      const link = make('a', { href: URL.createObjectURL(blob), download: `${table.id}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
  }

  // Numbers as the rest of the page shows them.

  function money(usd) {
    const x = Math.abs(usd);
    if (x >= 1000) return x.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',');
    return x.toFixed(x === 0 || x >= 1 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(x))));
  }

  function usd(x) {
    const text = money(x);
    return `${x < 0 && /[1-9]/.test(text) ? '\u2212' : ''}$${text}`;
  }

  // Sliders: sums of each policy, weighed anew. Decisions stay as they are.

  function figures(policy, endpoints, at) {
    let [net, cost] = [0, 0];
    policy.per_endpoint.forEach((part, place) => {
      const factor = !at.endpoint || at.endpoint === endpoints[place] ? at.price : 1;
      // What was recorded as a bill no price changes.
      const charged = part.billed_usd + factor * (part.cost_usd - part.billed_usd);
      const waiting = at.second === 0 ? 0 : at.second * (part.seconds ?? NaN);
      net += at.value * part.score - at.wrong * part.wrong - charged - waiting + part.own_usd;
      cost += charged;
    });
    return { net: net / policy.n, cost: cost / policy.n, success: policy.success };
  }

  // As the command line reads it: no exponent.
  const decimal = (x) => x.toFixed(12).replace(/\.?0+$/, '');

  // The command that gives these figures, and those of policies that are decided anew. Prices are
  // scaled endpoint by endpoint, those that no policy pays by a price left out.
  function command(data, at) {
    const trade = Object.entries({ value: at.value, wrong: at.wrong, second: at.second });
    const flags = trade.filter(([name, x]) => name === 'value' || x !== 0)
      .map(([name, x]) => `--${name} ${decimal(x)}`);
    const scaled = data.endpoints.filter((id, place) => (at.endpoint ? id === at.endpoint : data.priced[place]));
    const prices = at.price === 1 ? [] : scaled.flatMap((id) => ['input', 'cached', 'output']
      .map((kind) => `price.${id}.${kind}*=${decimal(at.price)}`));
    const sets = prices.map((set) => `--set '${set.replaceAll("'", "'\\''")}'`);
    return ['weighbridge whatif', data.rest, ...flags, ...sets].join(' ');
  }

  function sliders() {
    const [section, block] = [document.getElementById('what-if'), document.getElementById('sliders')];
    if (!section || !block) return;
    const data = JSON.parse(block.textContent);
    const select = document.getElementById('s-endpoint');
    const inputs = Object.fromEntries(
      ['value', 'second', 'price'].map((name) => [name, document.getElementById(`s-${name}`)]),
    );
    const cells = all('#what-if-table tbody td[data-figure]');
    const shown = {
      net: (x) => usd(1000 * x),
      anew: (x) => usd(1000 * x),
      cost: (x) => usd(1000 * x),
      success: (x) => `${(100 * x).toFixed(1)}%`,
    };
    const says = { value: usd, second: usd, price: (x) => `\u00d7${x}` };
    const put = (cell, figure, x) => {
      const known = Number.isFinite(x);
      cell.textContent = known ? shown[figure](x) : '\u2013';
      if (known) cell.dataset.value = String(x);
      else delete cell.dataset.value;
    };
    const update = () => {
      const at = { wrong: data.settings.wrong, endpoint: select ? select.value : '' };
      Object.entries(inputs).forEach(([name, input]) => {
        const x = data.stops[name][Number(input.value)];
        at[name] = x;
        input.setAttribute('aria-valuetext', says[name](x));
        input.parentElement.querySelector('output').textContent = says[name](x);
      });
      const found = data.policies.map((policy) => figures(policy, data.endpoints, at));
      // What policies come to that are decided anew is known where the sweep has been.
      const { anew } = data;
      const asWorked = anew && at.price === 1 && at.second === data.settings.second;
      const point = asWorked ? anew.values.indexOf(at.value) : -1;
      found.forEach((held, place) => { held.anew = point < 0 ? NaN : anew.net[point][place] ?? NaN; });
      const best = Math.max(...found.map((held) => held.net).filter(Number.isFinite));
      cells.forEach((cell) => {
        const { policy, figure } = cell.dataset;
        // What no slider moves stays as it was written.
        if (figure !== 'success') put(cell, figure, found[policy][figure]);
        cell.parentElement.classList.toggle('ship', found[policy].net === best);
      });
      document.getElementById('what-if-command').textContent = command(data, at);
    };
    [...Object.values(inputs), select].forEach((input) => input && input.addEventListener('input', update));
    section.hidden = false;
    update();
  }

  // Paper has no folds: what is folded is printed, and folded again afterwards.
  function paper() {
    let opened = [];
    addEventListener('beforeprint', () => {
      opened = all('details:not([open])').filter((fold) => !fold.closest('.chart'));
      opened.forEach((fold) => { fold.open = true; });
    });
    addEventListener('afterprint', () => opened.forEach((fold) => { fold.open = false; }));
  }

  tips();
  all('.chart').forEach(keys);
  all('table.sortable').forEach(sortable);
  all('button.csv').forEach(csv);
  sliders();
  paper();
})();
