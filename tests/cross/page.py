"""The pages of the reports, in a real browser: read, hovered, sorted, slid, printed, narrow and wide.

    python3 page.py [--binary FILE] [--axe axe.min.js] [--keep FOLDER] [--portraits FOLDER] [PAGE...]

Makes pages from the bundled trace, and an odd one, and says of each check whether it holds; exit 1
if one does not. With --keep, screenshots and PDFs stay in that folder; --portraits makes those of docs/
and checks nothing. Given PAGEs are taken instead.
Needs Chromium, and PyPI's websocket-client and pypdf.
"""

import argparse
import json
import math
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

import pypdf
from browser import Browser

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (360, 768, 1280, 1920, 3840)
TRACE = "traces/engineering.jsonl"
# On a machine at rest the page is ready in a tenth of this.
READY_MS, SLIDE_MS = 1000, 50

held, failed = 0, []


def check(name, faults):
    """A check holds where there is no fault."""
    global held
    faults = [str(fault) for fault in (faults if isinstance(faults, list) else [faults]) if fault]
    if faults:
        failed.append(name)
        print(f"FAILED {name}")
        for fault in faults[:8]:
            print(f"       {fault[:400]}")
    else:
        held += 1
        print(f"ok     {name}")


def command(binary, *args, codes=(0,)):
    done = subprocess.run([binary, *args], cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def many(folder):
    """As many policies as a page has to hold."""
    files = [folder / f"longer-than-{60 * i}.toml" for i in range(1, 21)]
    for i, file in enumerate(files):
        file.write_text('format = "weighbridge.policy/1"\nfallback = ["driver"]\n[choose]\nkind = "threshold"\n'
                        f'feature = "prompt_bytes"\nabove = {60 * (i + 1)}\nto = "specialist"\nelse = "driver"\n')
    return map(str, files)


def pages(binary, folder):
    """Name and file of every page, made anew."""
    router = "models/engineering.router.json"
    calls = {
        "replay": ["replay", TRACE, "-p", "policies", "--value", "2", "--by", "task", "--by", "tenant"],
        "eval": ["eval", router, TRACE, "-p", "policies/hard-math-and-code.toml"],
        "plan": ["plan", TRACE, "-p", "policies", "--value", "2"],
        "whatif": ["whatif", TRACE, "-p", "policies", "--value", "2",
                   "--set", "price.deepseek-v3.2-speciale@deepseek.output*=0.25..64:log9"],
        "sweep": ["whatif", TRACE, "-p", "policies", "--value", "2", "--set", "value=0.02..20:log7"],
        "dates": ["plan", TRACE, "-p", "policies/learned.toml", "--value", "2", "--dates", "changes"],
        "grid": ["whatif", TRACE, "-p", "policies", "--set", "value=0.02..20:log5",
                 "--set", "price.deepseek-v3.2@deepseek.output*=0.5,1,2"],
        "many": ["replay", TRACE, "-p", *many(folder), "--value", "2", "--by", "task", "--by", "tenant"],
    }
    made = {}
    for name, call in calls.items():
        page = folder / f"{name}.html"
        command(binary, *call, "--html", str(page), codes=(0, 1))
        made[name] = page
    odd, evil = folder / "odd.jsonl", "</script><img src=x onerror=\"document.title='evil'\">"
    request = {"id": "1", "request": {"prompt": "x", "task": evil, "tenant": "学習 ‮אב", "needs": ["teleport"]},
               "outcomes": [{"model": "deepseek-v3.2", "score": 1, "input_tokens": 3, "output_tokens": 4}]}
    odd.write_text('{"format":"weighbridge.trace/1"}\n' + json.dumps(request, ensure_ascii=False) + "\n")
    policy = 'format = "weighbridge.policy/1"\n[choose]\nkind = "always"\nto = "deepseek-v3.2"\n'
    names = ["<img src=x onerror=alert(1)>", "学習 & \"co\"", "x" * 120]
    files = [folder / f"{name}.toml" for name in names]
    for file in files:
        file.write_text(policy)
    made["odd"] = folder / "odd.html"
    command(binary, "replay", str(odd), "-p", *map(str, files), "--value", "2", "--by", "task", "--by", "tenant",
            "--html", str(made["odd"]))
    return made


def quiet(name, tab, page):
    check(f"{name}: no complaint of the console", tab.complaints())
    others = [url for url in tab.requests() if url != page.resolve().as_uri() and not url.startswith("data:")]
    check(f"{name}: no request to anywhere", others)
    size = page.stat().st_size
    check(f"{name}: at most 1 MB", f"{size} bytes" if size > 1 << 20 else None)
    ready = tab.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    check(f"{name}: interactive within {READY_MS} ms ({ready:.0f})", f"{ready} ms" if ready > READY_MS else None)


def charts(name, tab):
    faults = tab.run("""[...document.querySelectorAll('figure.chart')].flatMap((chart) => {
        const say = (text) => [`${chart.id}: ${text}`];
        const svg = chart.querySelector('svg:not(.sw)');
        if (!svg) return say('no drawing');
        const frame = svg.getBoundingClientRect();
        if (frame.width < 100 || frame.height < 60) return say(`${frame.width} x ${frame.height}`);
        if (/NaN|Infinity/.test(svg.outerHTML)) return say('a number that is none');
        const title = svg.querySelector('title'), desc = svg.querySelector('desc');
        if (!title?.textContent || !desc?.textContent) return say('no title or description');
        const outside = [...svg.querySelectorAll('text,.fl,.mark')].filter((part) => {
            const box = part.getBoundingClientRect();
            return box.right < frame.left - 2 || box.left > frame.right + 2 || box.bottom < frame.top - 2
                || box.top > frame.bottom + 2;
        });
        if (outside.length) return say(`outside its frame: ${outside[0].outerHTML}`);
        const cut = [...svg.querySelectorAll('text')].filter((text) => {
            const box = text.getBoundingClientRect(), card = chart.getBoundingClientRect();
            return box.left < card.left || box.right > card.right;
        });
        if (cut.length) return say(`wider than its card: ${cut[0].textContent}`);
        const table = chart.querySelector('details table');
        return table && table.tBodies[0].rows.length ? [] : say('no table');
    })""")
    count = tab.run("document.querySelectorAll('figure.chart').length")
    check(f"{name}: every chart is drawn, and has its table ({count})", faults)


def tips(name, tab):
    marks = """[...document.querySelectorAll('.chart')].map((chart) => chart.querySelector('[data-tip]')).filter(Boolean)"""
    if not tab.run(f"{marks}.length"):
        return
    faults = []
    shown = "(() => { const tip = document.querySelector('.tip'); return tip.hidden ? null : tip.textContent; })()"
    for i in range(tab.run(f"{marks}.length")):
        box = tab.run(f"""(() => {{ const mark = {marks}[{i}]; mark.scrollIntoView({{block: 'center'}});
            const b = (mark.querySelector('.hit') ?? mark).getBoundingClientRect();
            return [b.left + b.width / 2, b.top + b.height / 2]; }})()""")
        tab.move(1, 1)
        tab.move(*box)
        said = tab.run(shown)
        under = tab.run(f"document.elementFromPoint({box[0]}, {box[1]})?.closest('[data-tip]')?.dataset.tip ?? null")
        if not said or said != under:
            faults.append(f"hover over {tab.run(f'{marks}[{i}].dataset.tip')!r}: {said!r}")
    check(f"{name}: marks tell their figures on hover", faults)
    tab.run(f"{marks}[0].focus()")
    first = tab.run(shown)
    tab.press("ArrowRight")
    second = tab.run(shown)
    several = tab.run(f"{marks}[0].closest('.chart').querySelectorAll('[data-tip]').length > 1")
    tab.press("Escape")
    gone = tab.run(shown)
    check(f"{name}: marks tell their figures at the keyboard",
          [first is None and "nothing on focus", several and second == first and "arrows go nowhere",
           gone and "Escape does not dismiss"])


def tables(name, tab, folder):
    faults = tab.run("""[...document.querySelectorAll('table.sortable')].flatMap((table) => {
        const rows = () => [...table.tBodies[0].rows];
        const before = rows();
        if (before.length < 2) return [];
        return [...table.querySelectorAll('thead th')].flatMap((head, column) => {
            const button = head.querySelector('button');
            if (!button) return head.textContent.trim() ? [`${table.id}: ${head.textContent} does not sort`] : [];
            const found = [];
            for (let press = 0; press < 2; press += 1) {
                button.click();
                const way = head.getAttribute('aria-sort');
                const numbers = rows().map((row) => row.cells[column].dataset.value).filter((x) => x !== undefined)
                    .map(Number);
                const sign = way === 'ascending' ? 1 : -1;
                if (numbers.some((x, i) => i && sign * (x - numbers[i - 1]) < 0)) {
                    found.push(`${table.id}: ${head.textContent} is not ${way}`);
                }
            }
            button.click();
            if (rows().some((row, i) => row !== before[i])) found.push(`${table.id}: the first order is lost`);
            return found;
        });
    })""")
    count = tab.run("document.querySelectorAll('table.sortable').length")
    check(f"{name}: tables sort by every column ({count})", faults)
    csv = folder / f"{name}-csv"
    csv.mkdir()
    tab.downloads(csv)
    button = "document.querySelector('button.csv:not([hidden])')"
    if not tab.run(f"Boolean({button})"):
        return check(f"{name}: CSV", "no button")
    table = tab.run(f"{button}.dataset.table")
    tab.run(f"{button}.click()")
    file = csv / f"{table}.csv"
    for _ in range(100):
        if file.exists():
            break
        time.sleep(0.05)
    rows = tab.run(f"document.getElementById({json.dumps(table)}).rows.length")
    lines = file.read_text("utf-8-sig").splitlines() if file.exists() else []
    check(f"{name}: a table comes as CSV", None if len(lines) == rows else f"{len(lines)} lines of {rows}")


def widths(name, tab, keep):
    faults = []
    for width in WIDTHS:
        tab.size(width, 2160 if width == 3840 else 900)
        wide = tab.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            part = tab.run("""(() => { const edge = document.documentElement.clientWidth + 1;
                const wide = [...document.body.querySelectorAll('*')].filter((part) => !part.closest('.scroll')
                    && part.getBoundingClientRect().right > edge);
                return wide.at(-1)?.outerHTML.slice(0, 120); })()""")
            faults.append(f"{width} px: {wide} px too wide: {part}")
        if keep:
            tab.run("document.activeElement.blur(); scrollTo(0, 0)")
            tab.shot(keep / f"{name}-{width}.png")
    check(f"{name}: no sideways scrolling from {WIDTHS[0]} px to 4K", faults)
    tab.size(1280)


def colours(name, tab, axe, keep):
    for scheme in ("light", "dark"):
        tab.scheme(scheme)
        if keep and scheme == "dark":
            tab.shot(keep / f"{name}-dark.png")
        if not axe:
            continue
        tab.run("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
        tab.run(axe + ";0")
        found = tab.run("""axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations
            .map((fault) => [fault.impact, fault.id, fault.help, fault.nodes.length, fault.nodes[0].html]))""")
        serious = [fault for fault in found if fault[0] in ("serious", "critical")]
        for fault in found:
            if fault not in serious:
                print(f"       ({scheme}: {fault})"[:300])
        check(f"{name}: axe-core finds nothing serious ({scheme})", serious)
        tab.run("document.querySelectorAll('details').forEach((fold) => { fold.open = false; })")
    tab.scheme("light")


def paper(name, tab, folder):
    file = folder / f"{name}.pdf"
    tab.print(file)
    sheets = pypdf.PdfReader(file).pages
    texts = [sheet.extract_text() for sheet in sheets]
    heading = tab.run("document.querySelector('h1').innerText")
    headings = tab.run("""[...document.querySelectorAll('.part:not(#what-if) h2')].map((head) => head.innerText)""")
    def letters(text):
        # Fonts join letters, as in fi.
        return re.sub(r"\W+", "", unicodedata.normalize("NFKC", text))

    # Tables of charts stay folded on paper; all others are there to their last row.
    lasts = tab.run("""[...document.querySelectorAll('.part:not(#what-if) table')]
        .filter((table) => !table.closest('.chart')).map((table) => [...table.rows].at(-1).innerText)""")
    missing = [text for text in [heading, *headings, *lasts] if letters(text) not in letters("".join(texts))]
    empty = [f"sheet {i + 1} is empty" for i, text in enumerate(texts) if len(text.strip()) < 20]
    many = f"{len(sheets)} sheets" if len(sheets) > 30 else None
    check(f"{name}: prints, whole ({len(sheets)} sheets)", [*(f"not printed: {text}" for text in missing), *empty, many])


def without_script(name, tab, page):
    tab.open(page, script=False)
    check(f"{name}: reads without its script", [
        *tab.complaints(),
        tab.run("document.querySelector('h1').innerText.length < 10") and "no decision",
        tab.run("[...document.querySelectorAll('.csv')].some((button) => button.offsetParent)") and "buttons without use",
        tab.run("Boolean(document.getElementById('what-if')?.offsetParent)") and "sliders without use",
    ])
    tab.open(page)


def slide(tab, **stops):
    """Set sliders to places and the choice of an endpoint; milliseconds until the page is laid out anew."""
    return tab.run(f"""(() => {{ const began = performance.now();
        for (const [name, x] of Object.entries({json.dumps(stops)})) {{
            const input = document.getElementById(`s-${{name}}`);
            input.value = x;
            input.dispatchEvent(new Event('input', {{bubbles: true}}));
        }}
        document.getElementById('what-if-table').getBoundingClientRect();
        return performance.now() - began; }})()""")


def sliders(name, tab, binary):
    """The page's figures are those of the command that it shows."""
    if not tab.run("Boolean(document.getElementById('what-if'))"):
        return
    data = json.loads(tab.run("document.getElementById('sliders').textContent"))
    stops, faults, slowest = data["stops"], [], 0.0
    used = [i for i in range(len(data["endpoints"])) if any(p["per_endpoint"][i]["n"] for p in data["policies"])]
    middle = stops["price"].index(1)
    settings = [dict(value=stops["value"].index(2), second=0), dict(value=4, second=0), dict(value=0, second=3),
                dict(value=len(stops["value"]) - 1, second=len(stops["second"]) - 1)]
    if used:
        settings += [dict(value=12, second=2, price=middle + 4), dict(price=2, endpoint=data["endpoints"][used[-1]])]
    swept = data.get("anew", {}).get("values", [])
    settings += [dict(value=stops["value"].index(x), second=0) for x in swept[1::3]]
    for setting in settings:
        slowest = max(slowest, slide(tab, **{"price": middle, "endpoint": "", **setting}))
        shown = tab.run("""[...document.querySelectorAll('#what-if-table td[data-figure]')].map((cell) =>
            [Number(cell.dataset.policy), cell.dataset.figure, Number(cell.dataset.value), cell.innerText])""")
        if setting.get("value") in [stops["value"].index(x) for x in swept] and not setting.get("second"):
            faults += [f"{setting}: nothing is said of deciding anew"
                       for _, figure, x, _ in shown if figure == "anew" and x is None]
        call = shlex.split(tab.run("document.getElementById('what-if-command').innerText"))[1:]
        result = json.loads(command(binary, *call, "--format", "json", "-q"))
        faults += [f"{' '.join(call)}: {fault}" for fault in differences(shown, data, result)]
        if "--set" not in call:
            call[0] = "replay"
            result = json.loads(command(binary, *call, "--format", "json", "-q", "--replicates", "0"))
            faults += [f"{' '.join(call)}: {fault}" for fault in differences(shown, data, result)]
    check(f"{name}: sliders give the figures of the command that the page shows ({len(settings)} settings)", faults)
    check(f"{name}: a slider answers within {SLIDE_MS} ms ({slowest:.1f})", slowest > SLIDE_MS and f"{slowest} ms")
    slide(tab, value=stops["value"].index(data["settings"]["value"]), second=0, price=middle, endpoint="")


def differences(shown, data, result):
    """What the page shows otherwise than a result of `replay` or `whatif`."""
    anew = {}
    if "policies" in result:
        found = {policy["name"]: policy for policy in [*result["policies"], *result.get("floors", [])]}
    else:
        world = (result["points"] or [result["base"]])[-1]
        found = {policy["name"]: policy for policy in world["frozen"]["policies"]}
        anew = {policy["name"]: policy for policy in world["redecided"]["policies"]}
    keys = {"net": "net_usd_per_request", "anew": "net_usd_per_request", "cost": "cost_usd_per_request", "success": "success"}
    for place, figure, x, text in shown:
        name = data["policies"][place]["name"]
        held = (anew if figure == "anew" else found).get(name)
        if held is None or figure == "anew" and x is None:
            # A floor is chosen anew under another trade; decisions anew are known where a sweep has been.
            continue
        right = held[keys[figure]]["x"]
        if not math.isclose(x, right, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{name}: {figure} {x}, the command says {right}"


def safe(name, tab):
    check(f"{name}: names stay text", [
        tab.run("document.title === 'evil'") and "a name ran as script",
        tab.run("document.querySelectorAll('img').length") and "a name became an element"])


def calm(name, tab):
    check(f"{name}: no complaint after all that", tab.complaints())


def examine(name, page, tab, args, folder):
    tab.size(1280)
    tab.scheme("light")
    tab.open(page)
    axe = args.axe and Path(args.axe).read_text()
    steps = [
        (quiet, tab, page), (charts, tab), (tips, tab), (tables, tab, folder), (sliders, tab, args.binary),
        (safe, tab), (widths, tab, args.keep), (colours, tab, axe, args.keep), (paper, tab, args.keep or folder),
        (calm, tab), (without_script, tab, page),
    ]
    for step, *of in steps:
        try:
            step(name, *of)
        except RuntimeError as error:
            check(f"{name}: {step.__name__}", error)


# Picture, page, width, scheme, what is on it (the whole top of the page, or a part), and what is done before.
PORTRAITS = [
    ("replay", "replay", 1180, "light", None, None),
    ("cost-and-quality", "replay", 1180, "light", "#part-cost-and-quality .grid", None),
    ("sliders", "replay", 1180, "light", "#what-if", {"value": 27, "price": 11}),
    ("deferral-curve", "eval", 1180, "light", "#part-does-it-know--and-do-its-numbers-hold .grid", None),
    ("plan", "plan", 1180, "light", None, None),
    ("whatif", "whatif", 1180, "light", None, None),
    ("phone-dark", "replay", 390, "dark", None, None),
    ("mmlu", "mmlu", 1180, "light", None, None),
    ("swebench", "swebench", 1180, "light", None, None),
]


def portraits(made, browser, folder):
    """The pictures of docs/screenshots."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture, name, width, scheme, part, stops in PORTRAITS:
        if name not in made:
            continue
        tab = browser.tab()
        tab.size(width)
        tab.scheme(scheme)
        tab.open(made[name])
        if stops:
            slide(tab, **stops)
        clip = [0, 0, width, 1000]
        if part:
            clip = tab.run(f"""(() => {{ const b = document.querySelector({json.dumps(part)}).getBoundingClientRect();
                return [0, b.top + scrollY - 12, {width}, b.height + 24]; }})()""")
        tab.shot(folder / f"{picture}.png", clip)
        tab.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=str(ROOT / "target/release/weighbridge"))
    parser.add_argument("--axe")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("pages", nargs="*", type=Path)
    args = parser.parse_args()
    args.binary = str(Path(args.binary).resolve())
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        folder = Path(folder)
        made = {page.stem: page for page in args.pages} or pages(args.binary, folder)
        if args.portraits:
            return portraits(made, browser, args.portraits)
        for name, page in made.items():
            tab = browser.tab()
            examine(name, page, tab, args, folder)
            tab.close()
    print(f"{held} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
