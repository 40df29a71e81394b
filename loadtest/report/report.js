// Draws the report of one run from the JSON in the page. It asks the network for nothing and keeps nothing; text from
// the run enters the page as text only.

(() => {
"use strict";

const root = document.documentElement;
const report = document.getElementById("report");

// --- Words and numbers -----------------------------------------------------------------------------------------

const nothing = "–";
const space = "\u00a0";
const formats = [0, 1, 2].map((digits) => new Intl.NumberFormat("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits}));
const is_number = (value) => typeof value === "number" && Number.isFinite(value);
const fixed = (value, digits = 0) => (is_number(value) ? formats[digits].format(value) : nothing);
// As many digits as say something: 0.42, 8.1, 180, 15,000.
const figure = (value) => fixed(value, !is_number(value) || Number.isInteger(value) || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2);
const rate = (value) => fixed(value, is_number(value) && value < 100 && !Number.isInteger(value) ? 1 : 0);
const percent = (share) => (is_number(share) ? fixed(share * 100, share >= 0.9995 || share < 0.0005 ? 0 : 1) + space + "%" : nothing);
const count = (number, one, many) => `${fixed(number)} ${number === 1 ? one : many}`;

function duration(ms) {
    if (!is_number(ms)) return nothing;
    if (ms >= 9999.5) return fixed(ms / 1000, 1) + space + "s";
    return (ms >= 9.95 ? fixed(ms) : fixed(ms, ms >= 0.995 ? 1 : 2)) + space + "ms";
}
const latency = (us) => duration(is_number(us) ? us / 1000 : null);

function clock(seconds) {
    const whole = Math.round(seconds);
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (n) => String(n).padStart(2, "0");
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function memory(bytes) {
    if (!is_number(bytes)) return nothing;
    const gib = bytes / 2 ** 30;
    return gib >= 1 ? fixed(gib, gib >= 10 ? 0 : 1) + space + "GiB" : fixed(bytes / 2 ** 20) + space + "MiB";
}

const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "long", year: "numeric", timeZone: "UTC"});
const time_of_day = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC"});
const moment = (text) => {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? String(text ?? nothing) : `${day.format(date)}, ${time_of_day.format(date)} UTC`;
};

// --- Elements --------------------------------------------------------------------------------------------------

const svg_names = new Set(["svg", "path", "circle", "line"]);

// Attributes that are null are left out; `on…` are listeners; children may be text, elements, lists of them, or null and false.
function make(name, attributes = {}, ...children) {
    const element = svg_names.has(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value === null || value === undefined) continue;
        if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
        else element.setAttribute(key, value);
    }
    element.append(...children.flat(2).filter((child) => child || child === 0));
    return element;
}

const icon_paths = {
    good: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.6 5.1-4.2 4.8a.75.75 0 0 1-1.1.03L4.3 8.9a.75.75 0 1 1 1.06-1.06l1.45 1.46 3.66-4.18a.75.75 0 1 1 1.13.98Z",
    bad: "M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2L5.2 1Zm.87 4a.75.75 0 0 0-1.06 1.07L6.94 8 5 9.93A.75.75 0 1 0 6.07 11L8 9.06 9.93 11A.75.75 0 1 0 11 9.93L9.06 8 11 6.07A.75.75 0 1 0 9.93 5L8 6.94 6.07 5Z",
    warn: "M7.1 1.6a1 1 0 0 1 1.8 0l6 11.4a1 1 0 0 1-.9 1.5H2a1 1 0 0 1-.9-1.5l6-11.4ZM8 5.2a.75.75 0 0 0-.75.75v3.3a.75.75 0 0 0 1.5 0v-3.3A.75.75 0 0 0 8 5.2Zm0 5.7a.85.85 0 1 0 0 1.7.85.85 0 0 0 0-1.7Z",
};
const icon = (name) =>
    make("svg", {viewBox: "0 0 16 16", "aria-hidden": "true"}, make("path", {d: icon_paths[name], fill: "currentColor", "fill-rule": "evenodd"}));
const state = (kind, word) => make("span", {class: "state " + kind}, icon(kind), word);

// What stands before a name in a legend.
const sample = (shape) => make("svg", {viewBox: "0 0 20 10", "aria-hidden": "true"}, shape);
const sample_line = (width, dash) =>
    make("line", {x1: 0, y1: 5, x2: 20, y2: 5, stroke: "currentColor", "stroke-width": width, "stroke-dasharray": dash?.join(" ")});

function section(id, title, statement, ...content) {
    return make("section", {id, "aria-labelledby": id + "-title"},
        make("div", {}, make("h2", {id: id + "-title"}, title), statement && make("p", {class: "statement"}, statement)),
        make("div", {}, ...content));
}

// columns: {title, text (left-aligned)}; the first cell of a row is its heading. of_many: wide, and scrolls by itself.
function table(caption, columns, rows, of_many = false) {
    const kind = (column) => (column.text ? "text" : null);
    return make("div", {class: of_many ? "scroll many" : "scroll", tabindex: of_many ? "0" : null, role: of_many ? "region" : null, "aria-label": of_many ? caption : null},
        make("table", {},
            make("caption", {}, caption),
            make("thead", {}, make("tr", {}, columns.map((column) => make("th", {scope: "col", class: kind(column)}, column.title)))),
            make("tbody", {}, rows.map((cells) =>
                make("tr", {}, cells.map((cell, i) => make(i === 0 ? "th" : "td", {scope: i === 0 ? "row" : null, class: kind(columns[i])}, cell)))))));
}

// --- Plots -----------------------------------------------------------------------------------------------------

const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const palette = (i) => () => token("--s" + ((i % 8) + 1));

// A colour of the ramp, 0 to 1.
function ramp(at) {
    const stops = token("--ramp").split(",").map((stop) => [1, 3, 5].map((i) => parseInt(stop.trim().slice(i, i + 2), 16)));
    const place = at * (stops.length - 1);
    const [from, to] = [stops[Math.floor(place)], stops[Math.ceil(place)]];
    return "#" + from.map((value, i) => Math.round(value + (to[i] - value) * (place % 1)).toString(16).padStart(2, "0")).join("");
}

const steps_125 = (value, up) => {
    const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
    const choices = [1, 2, 5, 10].map((n) => n * power);
    return up ? choices.find((choice) => choice >= value * 0.999) ?? 10 * power : choices.reverse().find((choice) => choice <= value * 1.001);
};

function log_splits(min, max) {
    const dense = Math.log10(max / min) < 2.4;
    const list = [];
    for (let exponent = Math.floor(Math.log10(min)); exponent <= Math.ceil(Math.log10(max)); ++exponent) {
        for (const n of dense ? [1, 2, 5] : [1]) {
            const value = Number((n * 10 ** exponent).toPrecision(3));
            if (value >= min * 0.999 && value <= max * 1.001) list.push(value);
        }
    }
    return list;
}

function time_splits(min, max, width_px) {
    const choices = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];
    const step = choices.find((choice) => ((max - min) / choice) * 62 <= width_px) ?? 86400;
    const list = [];
    for (let at = Math.ceil(min / step) * step; at <= max; at += step) list.push(at);
    return list;
}

function axis_number(value) {
    if (value >= 100000) return figure(value / 1000) + "k";
    if (value >= 1 || value === 0) return fixed(value, Number.isInteger(value) ? 0 : 1);
    return String(Number(value.toPrecision(2)));
}

const plots = [];
let time_range = [0, 1];
let zoom = null;

// A plot and its caption, not yet drawn. what:
//   id, title, statement, height
//   x          values of the horizontal axis, ascending
//   series     {name, values, color(), dash, width, fill, format(value), rest: what the legend says without a cursor}
//   rest       what the legend's head says without a cursor
//   at(x)      what it says with one
//   y          {unit, log}
//   over_time  shares its axis, its cursor, the phases and marks with the other plots over time
//   x_axis     {range, splits(width_px, min, max), labels(values, width_px)} of the others
//   wordy      says the marks' words, not only their numbers
//   draw(pen)  what else is drawn above the series
//   keys       further lines of the legend
//   notes      further elements below the legend
function add_plot(what) {
    const plot = {what, shown: what.series.map(() => true), values: [], swatches: []};
    plot.readout = make("p", {class: "readout"}, what.rest);
    const legend = what.series.map((series, i) => {
        plot.values[i] = make("span", {class: "value"}, series.rest ?? "");
        plot.swatches[i] = sample_line(series.width ?? 2, series.dash);
        const button = make("button", {
            type: "button", "aria-pressed": "true", title: "Show or hide",
            onclick: () => {
                plot.shown[i] = !plot.shown[i];
                button.setAttribute("aria-pressed", String(plot.shown[i]));
                plot.chart.setSeries(i + 1, {show: plot.shown[i]});
            },
            onmouseenter: () => plot.shown[i] && plot.chart.setSeries(i + 1, {focus: true}),
            onmouseleave: () => plot.chart.setSeries(null, {focus: true}),
        }, sample(plot.swatches[i]), make("span", {class: "label", title: series.name}, series.name), plot.values[i]);
        return make("li", {}, button);
    });
    const keys = (what.keys ?? []).map((key) => make("li", {}, make("span", {class: "fixed muted"}, key)));
    const long = what.series.length <= 4 && what.series.some(({name}) => name.length > 10);
    plot.canvas = make("div", {role: "img", tabindex: "0", "aria-label": `${what.title}. ${what.statement}`, onkeydown: (event) => move_by_key(plot, event)});
    plot.reset = what.over_time ? make("button", {type: "button", class: "reset", hidden: "", onclick: () => set_zoom(null)}, "Whole run") : null;
    plot.stage = make("div", {class: "stage"}, plot.canvas, plot.reset);
    plots.push(plot);
    return make("section", {id: what.id, class: "plotted", "aria-labelledby": what.id + "-title"},
        make("figure", {class: "plot"},
            make("figcaption", {},
                make("h2", {id: what.id + "-title"}, what.title),
                make("p", {class: "statement"}, what.statement),
                plot.readout,
                make("ul", {class: long ? "legend long" : "legend"}, legend, keys),
                what.notes),
            plot.stage));
}

function tell(plot) {
    const {what, chart} = plot;
    const {idx, left} = chart.cursor;
    const off = idx === null || idx === undefined || left < 0;
    plot.readout.textContent = off ? what.rest : what.at(chart.data[0][idx]);
    what.series.forEach((series, i) => {
        const near = chart.cursor.idxs ? chart.cursor.idxs[i + 1] : idx;
        const value = off || near === null || near === undefined ? null : chart.data[i + 1][near];
        plot.values[i].textContent = off ? series.rest ?? "" : is_number(value) ? series.format(value) : nothing;
    });
}

function move_by_key(plot, event) {
    const by = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10}[event.key];
    if (!by && event.key !== "Escape") return;
    event.preventDefault();
    const {chart} = plot;
    const xs = chart.data[0];
    const from = chart.cursor.left >= 0 && is_number(chart.cursor.idx) ? chart.cursor.idx : by > 0 ? -1 : xs.length;
    const x = xs[Math.max(0, Math.min(xs.length - 1, from + (by ?? 0)))];
    for (const other of plot.what.over_time ? plots.filter(({what}) => what.over_time) : [plot]) {
        other.chart.setCursor(by ? {left: other.chart.valToPos(x, "x"), top: 10} : {left: -10, top: -10});
    }
}

function set_zoom(range) {
    zoom = range;
    const [min, max] = zoom ?? time_range;
    for (const {what, chart, reset} of plots) {
        if (!what.over_time) continue;
        reset.hidden = !zoom;
        if (chart.scales.x.min !== min || chart.scales.x.max !== max) chart.setScale("x", {min, max});
    }
}

// What is drawn beside the series, in one place: sizes in CSS pixels, `k` for how much larger paper wants them.
function pen_of(chart, k) {
    const {ctx, bbox} = chart;
    const unit = uPlot.pxRatio * k;
    return {
        ctx, unit,
        left: bbox.left, top: bbox.top, width: bbox.width, height: bbox.height, right: bbox.left + bbox.width, bottom: bbox.top + bbox.height,
        x: (value) => chart.valToPos(value, "x", true),
        y: (value) => chart.valToPos(value, "y", true),
        font: (px, weight = 400) => { ctx.font = `${weight} ${px * unit}px ${token("--sans")}`; },
        line(x0, y0, x1, y1, color, width = 1, dash = []) {
            ctx.strokeStyle = color;
            ctx.lineWidth = width * unit;
            ctx.setLineDash(dash.map((length) => length * unit));
            ctx.beginPath();
            ctx.moveTo(x0, y0);
            ctx.lineTo(x1, y1);
            ctx.stroke();
            ctx.setLineDash([]);
        },
        // With a rim in the paper's colour, so that it can be read on lines.
        text(words, x, y, color, align = "left", baseline = "alphabetic") {
            ctx.textAlign = align;
            ctx.textBaseline = baseline;
            ctx.lineJoin = "round";
            ctx.lineWidth = 3.5 * unit;
            ctx.strokeStyle = token("--paper");
            ctx.strokeText(words, x, y);
            ctx.fillStyle = color;
            ctx.fillText(words, x, y);
        },
    };
}

// Above the plot, for the phases' names and the unit.
const strip_px = 28;

function draw_phases(pen, phases) {
    const {ctx, unit} = pen;
    const top = pen.top - strip_px * unit;
    phases.forEach((phase, i) => {
        const [from, to] = [phase.begin_s, phase.end_s].map((at) => Math.max(pen.left, Math.min(pen.right, pen.x(at))));
        if (to - from < 1) return;
        if (phase.kind === "chaos" || i % 2 === 0) {
            ctx.fillStyle = token(phase.kind === "chaos" ? "--band-chaos" : "--band");
            ctx.fillRect(from, top, to - from, pen.bottom - top);
        }
        if (phase.valid === false) {
            // Hatched: what is drawn there says nothing about the pipeline.
            ctx.save();
            ctx.beginPath();
            ctx.rect(from, top, to - from, pen.bottom - top);
            ctx.clip();
            for (let x = from - (pen.bottom - top); x < to; x += 7 * unit) pen.line(x, pen.bottom, x + pen.bottom - top, top, token("--rule"), 1);
            ctx.restore();
        }
        const room = to - from;
        pen.font(11, 500);
        let width = ctx.measureText(phase.name).width;
        if (width + 4 * unit > room) {
            pen.font(9.5, 500);
            width = ctx.measureText(phase.name).width;
            if (width + 3 * unit > room) return;
        }
        ctx.fillStyle = token("--muted");
        ctx.textAlign = "left";
        ctx.textBaseline = "middle";
        ctx.fillText(phase.name, from + Math.min(6 * unit, (room - width) / 2), top + (strip_px / 2 - 3) * unit);
    });
}

// Flags with the marks' numbers, and in a wide plot that asks for them their words.
function draw_marks(pen, marks, wordy) {
    const {ctx, unit} = pen;
    const placed = [];
    const color = token("--mark"), paper = token("--paper");
    const radius = 8 * unit;
    const seen = marks.map((mark, i) => ({...mark, number: String(i + 1), at: pen.x(mark.at_s)})).filter(({at}) => at >= pen.left - 1 && at <= pen.right + 1);
    for (const {at} of seen) pen.line(at, pen.top, at, pen.bottom, color, 1, [3, 3]);
    for (const {at, text, number} of seen) {
        pen.font(11, 500);
        const full = radius + 12 * unit + ctx.measureText(text).width;
        // The topmost row in which it covers no other; with its words where they fit.
        const row_for = (from, to) => [0, 1, 2, 3].find((row) => !placed.some((other) => other.row === row && other.from < to && from < other.to));
        let side = 0, row;
        if (wordy && at + full < pen.right) row = row_for(at - radius, at + full), side = 1;
        if (row === undefined && wordy && at - full > pen.left) row = row_for(at - full, at + radius), side = -1;
        if (row === undefined) row = row_for(at - radius, at + radius) ?? 3, side = 0;
        placed.push({row, from: (side < 0 ? at - full : at - radius) - 3 * unit, to: (side > 0 ? at + full : at + radius) + 3 * unit});
        const y = pen.top + (11 + row * 20) * unit;
        if (side !== 0) {
            ctx.fillStyle = paper;
            ctx.strokeStyle = color;
            ctx.lineWidth = unit;
            ctx.beginPath();
            ctx.roundRect(side > 0 ? at - radius : at - full, y - radius, full + radius, 2 * radius, radius);
            ctx.fill();
            ctx.stroke();
            ctx.fillStyle = color;
            ctx.textAlign = side > 0 ? "left" : "right";
            ctx.textBaseline = "middle";
            ctx.fillText(text, at + side * (radius + 5 * unit), y + 0.5 * unit);
        }
        ctx.fillStyle = color;
        ctx.beginPath();
        ctx.arc(at, y, radius, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillStyle = paper;
        pen.font(10, 600);
        ctx.textAlign = "center";
        ctx.textBaseline = "middle";
        ctx.fillText(number, at, y + 0.5 * unit);
    }
}

// Draws a plot anew, in the colours and the width of now. `k` times as large, and shown as small, for paper.
function draw(plot, width_css, k) {
    const {what} = plot;
    plot.chart?.destroy();
    const narrow = width_css < 480;
    const font = `${11.5 * k}px ${token("--sans")}`;
    const muted = token("--muted");
    const width = Math.floor(width_css * k), height = what.height * k;
    const gutter = (narrow ? 48 : 54) * k;
    // Half of the last label on the axis: 5:00 or 2:00:00.
    const aside_px = what.over_time && time_range[1] >= 3600 ? 28 : 20;
    const common = {font, stroke: muted, ticks: {show: false}, border: {show: false}};
    // Many words would hide the lines; the list of marks has them, too.
    const wordy = what.wordy && !narrow && what.marks.length <= 6;
    // For the flags of the marks, so that they hide no lines.
    const headroom = what.over_time && what.marks.length > 0 ? (wordy ? 1.3 : 1.1) : 1;
    const x_width = () => (width - gutter) / k - aside_px;

    plot.chart = new uPlot({
        width, height,
        padding: [strip_px * k, aside_px * k, 0, 0],
        legend: {show: false},
        focus: {alpha: 0.2},
        cursor: {
            y: false,
            drag: {x: Boolean(what.over_time), y: false, dist: 6, setScale: false},
            points: {size: 7, width: 1.5, stroke: token("--paper")},
            hover: {skip: [undefined, null], prox: what.over_time ? 12 : null},
            // Each plot over time has values of its own; what they share is the time.
            sync: what.over_time ? {key: "time", scales: ["x", null], setSeries: false, filters: {pub: (type) => type === "mousemove" || type === "mouseleave"}} : undefined,
            bind: {dblclick: () => () => { if (what.over_time) set_zoom(null); return null; }},
        },
        scales: {
            x: {time: false, range: what.over_time ? undefined : () => what.x_axis.range},
            y: {
                distr: what.y.log ? 3 : 1,
                range: what.y.log
                    ? (_, min, max) => {
                        if (!is_number(min) || !(min > 0)) return [1, 100];
                        const from = steps_125(Math.min(min, what.y.must ?? min), false), to = steps_125(Math.max(max, what.y.must ?? max) * (headroom > 1 ? 2.5 : 1), true);
                        return to / from < 10 ? [from, from * 10] : [from, to];
                    }
                    : (_, min, max) => [0, uPlot.rangeNum(0, Math.max(max ?? 0, what.y.at_least ?? 1) * headroom, 0.08, true)[1]],
            },
        },
        axes: [
            {
                ...common, size: 30 * k, gap: 7 * k, grid: what.over_time ? {show: false} : {stroke: token("--grid"), width: k},
                splits: (_, __, min, max) => (what.over_time ? time_splits(min, max, x_width()) : what.x_axis.splits(x_width(), min, max)),
                values: (_, values) => (what.over_time ? values.map(clock) : what.x_axis.labels(values, x_width())),
            },
            {
                ...common, size: gutter, gap: 8 * k, space: 34 * k, grid: {stroke: token("--grid"), width: k},
                ...(what.y.log ? {splits: (_, __, min, max) => log_splits(min, max), filter: (_, splits) => splits} : {}),
                values: (_, values) => values.map((value) => (value === null ? null : axis_number(value))),
            },
        ],
        series: [{}, ...what.series.map((series, i) => ({
            show: plot.shown[i], stroke: series.color(), width: (series.width ?? 2) * k, dash: series.dash?.map((length) => length * k),
            fill: series.fill ? series.color() + "1c" : undefined, points: {show: what.x.length < 3, size: 6 * k}, label: series.name,
            // A curve in whole pixels has steps.
            pxAlign: what.over_time ? 1 : 0,
        }))],
        hooks: {
            drawClear: [(chart) => {
                const pen = pen_of(chart, k);
                if (what.over_time) draw_phases(pen, what.phases);
                pen.font(11);
                pen.ctx.textAlign = "right";
                pen.ctx.textBaseline = "middle";
                pen.ctx.fillStyle = muted;
                const end = Math.max(pen.left - 8 * pen.unit, pen.ctx.measureText(what.y.unit).width + pen.unit);
                pen.ctx.fillText(what.y.unit, end, pen.top - (strip_px / 2 + 3) * pen.unit);
            }],
            drawAxes: [(chart) => {
                const pen = pen_of(chart, k);
                pen.line(pen.left, Math.round(pen.bottom) + 0.5, pen.right, Math.round(pen.bottom) + 0.5, token("--s0"), 1);
            }],
            draw: [(chart) => {
                const pen = pen_of(chart, k);
                pen.ctx.save();
                what.draw?.(pen, plot);
                if (what.over_time) draw_marks(pen, what.marks, wordy);
                pen.ctx.restore();
            }],
            setCursor: [() => tell(plot)],
            setSelect: [(chart) => {
                const {left, width: wide} = chart.select;
                if (wide < 6) return;
                const range = [chart.posToVal(left, "x"), chart.posToVal(left + wide, "x")];
                chart.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
                set_zoom(range);
            }],
        },
    }, [what.x, ...what.series.map(({values}) => values)], plot.canvas);

    if (what.over_time) {
        const [min, max] = zoom ?? time_range;
        plot.chart.setScale("x", {min, max});
    }
    plot.chart.root.style.zoom = k === 1 ? "" : String(1 / k);
    what.series.forEach((series, i) => plot.swatches[i].setAttribute("stroke", series.color()));
    const touch = (event) => {
        const {clientX, clientY} = event.touches[0];
        plot.chart.over.dispatchEvent(new MouseEvent("mousemove", {clientX, clientY, bubbles: true}));
    };
    plot.chart.over.addEventListener("touchstart", touch, {passive: true});
    plot.chart.over.addEventListener("touchmove", touch, {passive: true});
    tell(plot);
}

// --- What the run says -----------------------------------------------------------------------------------------

function highest(at, values) {
    let best = -1;
    values.forEach((value, i) => { if (is_number(value) && (best < 0 || value > values[best])) best = i; });
    return best < 0 ? null : {value: values[best], at: at[best]};
}
const mean = (values) => {
    const numbers = values.filter(is_number);
    return numbers.length > 0 ? numbers.reduce((sum, value) => sum + value, 0) / numbers.length : null;
};
const some = (values) => Array.isArray(values) && values.some((value) => is_number(value) && value > 0);
const known = (values) => Array.isArray(values) && values.some(is_number);
const scaled = (values, by) => values.map((value) => (is_number(value) ? value * by : null));
const positive = (values) => values.map((value) => (is_number(value) && value > 0 ? value : null));

// Lists with times of their own, on one axis.
function joined(items, key) {
    const with_values = items.filter((item) => known(item[key]));
    if (with_values.length === 0) return null;
    const [x, ...values] = uPlot.join(with_values.map((item) => [item.at_s, item[key]]));
    return {x, items: with_values.map((item, i) => ({name: item.name, values: values[i], peak: highest(item.at_s, item[key])}))};
}

function phase_state(phase) {
    if (phase.valid === false) return ["warn", "Invalid"];
    return phase.held === false ? ["bad", "Not held"] : ["good", "Held"];
}
const why = (phase) => [phase.valid === false ? phase.why_invalid || "the generator itself was the bottleneck" : "", phase.held === false ? phase.why_not : ""]
    .filter(Boolean).join("; ").replace(/^[a-z](?!\d)/, (letter) => letter.toUpperCase());

function verdict(run) {
    const {passed, text} = run.verdict;
    // A number and its unit stay on one line.
    const tied = text.replace(/(\d) (ms|s|min|h|events\/s)\b/g, `$1${space}$2`).replace(/\b(p\d[\d.]*|lost|double) (?=\d)/g, `$1${space}`);
    const invalid = run.phases.filter((phase) => phase.valid === false);
    return make("header", {class: "verdict"},
        state(passed ? "good" : "bad", passed ? "Passed" : "Failed"),
        make("h1", {}, tied),
        invalid.length > 0 && make("p", {}, `In ${count(invalid.length, "phase", "phases")} the generator itself was the bottleneck `
            + `(${invalid.map(({name}) => name).join(", ")}): what was measured there says nothing about the pipeline.`));
}

function top(run, seconds) {
    const facts = [moment(run.started_at), `${clock(seconds)} long`, run.settings?.preset && `preset ${run.settings.preset}`, run.settings?.target].filter(Boolean);
    const button = make("button", {type: "button", class: "theme", onclick: () => set_theme(root.dataset.theme === "dark" ? "light" : "dark")});
    const show = () => {
        const dark = root.dataset.theme === "dark";
        button.setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
        button.title = button.getAttribute("aria-label");
        const outline = {fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round"};
        button.replaceChildren(make("svg", {viewBox: "0 0 24 24", "aria-hidden": "true", ...outline},
            dark ? [make("circle", {cx: 12, cy: 12, r: 4.2}), make("path", {d: "M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"})]
                : make("path", {d: "M20 14.2A8.2 8.2 0 0 1 9.8 4a8.2 8.2 0 1 0 10.2 10.2Z"})));
    };
    show();
    themed.push(show);
    return make("div", {class: "top"}, make("p", {}, make("strong", {}, "Load test"), facts.map((fact) => make("span", {}, fact))), button);
}

function key_figures(run) {
    const most = Math.max(...run.phases.map((phase) => Math.max(phase.offered_per_s ?? 0, phase.acknowledged_per_s ?? 0)), 1);
    const bar = (kind, value) => make("i", {class: kind, style: `width:${Math.min(100, (100 * (value ?? 0)) / most).toFixed(2)}%`});
    const cell = (kind, label, value, ...more) => make("div", {class: kind}, make("dt", {}, label), make("dd", {}, value), ...more);
    const rows = run.phases.map((phase) => {
        const {p50, p99, p999, max} = phase.latency_us ?? {};
        const lost = phase.counts?.lost;
        const length = clock(phase.end_s - phase.begin_s);
        return make("dl", {class: lost > 0 ? "phase loses" : "phase"},
            cell("name", "Phase", [phase.name, make("small", {class: "muted"}, `${phase.kind}, ${length} from ${clock(phase.begin_s)}`)]),
            cell("rate", "Acknowledged of offered",
                [rate(phase.acknowledged_per_s), make("small", {}, ` of ${rate(phase.offered_per_s)}/s`, make("span", {class: "narrow"}, " acknowledged"))],
                make("dd", {class: "bar", "aria-hidden": "true"}, bar("offered", phase.offered_per_s), bar("acknowledged", phase.acknowledged_per_s))),
            cell("figure", "p50", latency(p50)),
            cell("figure", "p99", latency(p99)),
            cell("figure", "p99.9", latency(p999)),
            cell("figure max", "longest", latency(max)),
            cell("figure lost", "lost", lost > 0 ? make("strong", {class: "bad"}, fixed(lost)) : fixed(lost)),
            cell("end", "Outcome", state(...phase_state(phase))),
            why(phase) && make("div", {class: "why"}, make("dt", {class: "hidden"}, "Why"), make("dd", {style: "all:unset"}, why(phase))));
    });
    return make("section", {id: "phases", "aria-labelledby": "phases-title"},
        make("h2", {id: "phases-title", class: "hidden"}, "Key figures of each phase"), make("div", {class: "phases wide"}, rows));
}

const phase_at = (run, at) => run.phases.find((phase) => at >= phase.begin_s && at < phase.end_s);

function time_plot(run, what) {
    return add_plot({
        ...what, over_time: true, phases: run.phases, marks: run.marks, rest: what.rest ?? "Highest of the run",
        at: (at) => {
            // Where a fault is, it says more than the phase.
            const faults = run.marks.filter((mark) => Math.abs(mark.at_s - at) <= 1).map((mark) => mark.text);
            return [clock(at), ...(faults.length > 0 ? faults : [phase_at(run, at)?.name])].filter(Boolean).join(` ${space}·${space} `);
        },
    });
}

function rate_plot(run) {
    const {seconds} = run;
    const per_s = (value) => rate(value) + "/s";
    const kinds = [
        ["offered", "Offered", () => token("--s0"), {dash: [4, 3], width: 1.75}], ["acknowledged", "Acknowledged", palette(0), {fill: true}],
        ["refused", "Refused", palette(1), {width: 1.5}], ["errors", "Errors", palette(4), {width: 1.75}],
    ];
    const series = kinds.filter(([key], i) => (i < 2 ? known : some)(seconds[key]))
        .map(([key, name, color, more]) => ({name, values: seconds[key], color, format: per_s, rest: per_s(highest(seconds.at_s, seconds[key]).value), ...more}));
    if (series.length === 0) return null;
    const peak = highest(seconds.at_s, seconds.acknowledged ?? []);
    const sum = (key) => run.phases.reduce((total, phase) => total + (phase.counts?.[key] ?? 0), 0);
    const statement = (peak ? `Up to ${rate(peak.value)} events/s acknowledged, at ${clock(peak.at)}. ` : "")
        + (sum("offered") > 0 ? `${percent(sum("acknowledged") / sum("offered"))} of all that was offered.` : "");
    const time_width = Math.max(...run.marks.map((mark) => clock(mark.at_s).length));
    const marks = run.marks.length > 0 && make("ol", {class: "marks", "aria-label": "Faults", style: `--time: ${time_width}ch`},
        run.marks.map((mark, i) => make("li", {}, make("b", {}, String(i + 1)), make("time", {}, clock(mark.at_s)), make("span", {}, mark.text))));
    return time_plot(run, {
        id: "rate", title: "Offered and acknowledged", statement, height: 290, x: seconds.at_s, y: {unit: "events/s"}, series, notes: marks || null, wordy: true,
    });
}

function latency_plot(run) {
    const {seconds} = run;
    const kinds = [["p50_us", "p50", 0.05, 2], ["p99_us", "p99", 0.36, 2.25], ["p999_us", "p99.9", 0.72, 1.75], ["max_us", "longest", 1, 1.25]];
    const series = kinds.filter(([key]) => known(seconds[key])).map(([key, name, at, width]) => ({
        name, values: positive(scaled(seconds[key], 0.001)), color: () => ramp(at), width, dash: key === "max_us" ? [2, 3] : undefined,
        format: duration, rest: latency(highest(seconds.at_s, seconds[key]).value),
    }));
    const peak = highest(seconds.at_s, seconds.p99_us ?? []);
    if (!peak) return null;
    return time_plot(run, {
        id: "latency", title: "Latency", height: 290, x: seconds.at_s, y: {unit: "ms", log: true}, series,
        statement: `Highest p99 ${latency(peak.value)} at ${clock(peak.at)}; ${latency(mean(seconds.p99_us))} on average.`,
    });
}

// The horizontal axis of the distribution: each nine takes the same room.
const depth_of = (percentile) => Math.log10(1 / (1 - percentile / 100));

function curve_plot(run) {
    const phases = run.phases.filter((phase) => (phase.curve ?? []).filter(([, us]) => us > 0).length > 1);
    if (phases.length === 0) return null;
    const curves = phases.map((phase) => {
        // Nothing is beyond the last of `count` values, which is where the longest belongs.
        const end = depth_of(100 * (1 - 1 / Math.max(2, phase.latency_us?.count ?? 10)));
        return phase.curve.filter(([, us]) => us > 0).map(([percentile, us]) => [percentile >= 100 ? end : Math.min(end, depth_of(percentile)), us / 1000]);
    });
    const deepest = Math.max(...curves.map((curve) => curve[curve.length - 1][0]), 1);
    const x = Array.from({length: 401}, (_, i) => (deepest * i) / 400);
    const on_grid = (curve) => x.map((at) => {
        const next = curve.findIndex(([depth]) => depth >= at - 1e-9);
        if (next < 0) return null;
        if (next === 0) return curve[0][1];
        const [x0, y0] = curve[next - 1], [x1, y1] = curve[next];
        return x1 === x0 ? y1 : y0 * (y1 / y0) ** ((at - x0) / (x1 - x0));
    });
    const grids = curves.map(on_grid);
    const nearest_p99 = Math.round((2 / deepest) * 400);
    const by_p99 = [...phases].filter((phase) => is_number(phase.latency_us?.p99)).sort((a, b) => a.latency_us.p99 - b.latency_us.p99);
    const last = by_p99[by_p99.length - 1];
    const says = (phase) => `${latency(phase.latency_us.p99)} (${phase.name})`;
    const statement = by_p99.length === 0 ? "" : by_p99.length === 1
        ? `99 of 100 requests took at most ${latency(last.latency_us.p99)}, 999 of 1,000 at most ${latency(last.latency_us.p999)}.`
        : `99 of 100 requests took at most ${says(by_p99[0])} to ${says(last)}.`;
    const nines = [[0, 0], ...[50, 90, 99, 99.9, 99.99, 99.999, 99.9999].map((p) => [p, depth_of(p)])];
    const percent_at = (depth) => {
        const p = 100 * (1 - 10 ** -depth);
        return (depth < 1 ? p.toFixed(0) : p.toFixed(Math.ceil(depth))) + space + "%";
    };
    return add_plot({
        id: "distribution", title: "Latency by percentile", statement, height: 330, x, y: {unit: "ms", log: true}, rest: "99" + space + "% took at most",
        at: (depth) => `${percent_at(depth)} took at most`,
        x_axis: {
            range: [0, deepest], splits: () => nines.map(([, depth]) => depth).filter((depth) => depth <= deepest + 1e-9),
            // Every nine has its line; its label only where there is room for it.
            labels: (depths, width_px) => {
                let free_from = -Infinity;
                return depths.map((depth) => {
                    const label = String(Number((100 * (1 - 10 ** -depth)).toFixed(5))) + "%";
                    const [middle, half] = [(depth / deepest) * width_px, label.length * 3.6];
                    if (middle - half < free_from || middle + half > width_px + 20) return "";
                    free_from = middle + half + 6;
                    return label;
                });
            },
        },
        series: phases.map((phase, i) => ({
            name: phase.name, values: grids[i], color: () => ramp(phases.length === 1 ? 0.4 : i / (phases.length - 1)), dash: phase.held === false ? [5, 3] : undefined,
            format: duration, rest: phase.latency_us ? latency(phase.latency_us.p99) : duration(grids[i][nearest_p99]),
        })),
        keys: phases.some((phase) => phase.held === false)
            ? [[sample(sample_line(2, [5, 3])), "not held"]] : [],
    });
}

function by_name_plot(run, list, key, what, format, statement_of) {
    const data = joined(list ?? [], key);
    if (!data) return null;
    const most = data.items.reduce((best, item) => (item.peak && (!best || item.peak.value > best.peak.value) ? item : best), null);
    const by = what.scale ?? 1;
    return time_plot(run, {
        ...what, x: data.x, statement: statement_of(most, data),
        series: data.items.map((item, i) => ({
            name: item.name, values: item.values.map((value) => (is_number(value) ? value * by : value)), color: palette(i), width: 1.75,
            format: (value) => format(value / by), rest: format(item.peak?.value),
        })),
    });
}

const lag_plot = (run) => by_name_plot(run, run.groups, "lag",
    {id: "lag", title: "Lag", height: 210, y: {unit: "records"}},
    (value) => fixed(value),
    (most) => `At most ${fixed(most.peak.value)} records waited, in ${most.name} at ${clock(most.peak.at)}.`);

const freshness_plot = (run) => by_name_plot(run, run.groups, "freshness_s",
    {id: "freshness", title: "Freshness", height: 210, y: {unit: "s"}},
    (value) => figure(value) + space + "s",
    (most) => `The oldest waiting event was ${figure(most.peak.value)}${space}s old, in ${most.name} at ${clock(most.peak.at)}.`);

const cpu_plot = (run) => by_name_plot(run, run.processes, "cores",
    {id: "cpu", title: "Processor", height: 230, y: {unit: "cores", at_least: 0.1}},
    (value) => fixed(value, 2),
    (most, {x, items}) => {
        const sums = x.map((_, i) => (items.every(({values}) => is_number(values[i])) ? items.reduce((sum, {values}) => sum + values[i], 0) : null));
        const together = items.length > 1 && highest(x, sums);
        const of_all = run.machine?.cores ? ` of ${fixed(run.machine.cores)}` : "";
        return `${most.name} used most, ${fixed(most.peak.value, 2)} cores at ${clock(most.peak.at)}.`
            + (together ? ` All together at most ${fixed(together.value, 2)}${of_all}, at ${clock(together.at)}.` : "");
    });

const memory_plot = (run) => by_name_plot(run, run.processes, "rss_bytes",
    {id: "memory", title: "Memory", height: 230, y: {unit: "MiB"}, scale: 1 / 2 ** 20},
    memory,
    (most) => `${most.name} held most, ${memory(most.peak.value)} at ${clock(most.peak.at)}.`);

function knee_plot(run) {
    const {knee} = run;
    const points = [...(knee?.points ?? [])].filter((point) => is_number(point.per_s)).sort((a, b) => a.per_s - b.per_s);
    if (points.length === 0) return null;
    // The limit is told in words; its number is what the line needs.
    const limit_ms = knee.limit_us ? knee.limit_us / 1000 : Number(/p99\s*(?:≤|<=|<)\s*([\d.]+)\s*ms/.exec(knee.limit ?? "")?.[1] ?? 50);
    const x = points.map((point) => point.per_s);
    const room = Math.max((x[x.length - 1] - x[0]) * 0.07, x[0] * 0.05);
    const range = [Math.max(0, x[0] - room), x[x.length - 1] + room];
    const at_knee = points.find((point) => point.per_s === knee.per_s);
    const linear = (min, max, width_px) => {
        const step = steps_125((max - min) / Math.max(2, width_px / 84), true);
        const list = [];
        for (let at = Math.ceil(min / step) * step; at <= max; at += step) list.push(at);
        return list;
    };
    const shape = (held) => sample(held
        ? make("circle", {cx: 10, cy: 5, r: 4.5, fill: "var(--s1)"}) : make("path", {d: "M6 1l8 8M14 1l-8 8", stroke: "var(--bad)", "stroke-width": 2.4, fill: "none"}));
    const line_of = (key) => {
        const values = points.map((point) => point[key]);
        return {values: positive(scaled(values, 0.001)), format: duration, rest: latency(at_knee ? at_knee[key] : highest(x, values)?.value)};
    };
    return add_plot({
        id: "knee", title: "Knee", height: 320, x, y: {unit: "ms", log: true, must: limit_ms},
        statement: is_number(knee.per_s) ? `${rate(knee.per_s)} events/s is the most that held (${knee.limit}).${knee.why ? ` Beyond: ${knee.why}.` : ""}`
            : `No rate held (${knee.limit}). ${knee.why ?? ""}`,
        rest: at_knee ? `At ${rate(knee.per_s)}/s` : "Highest", at: (per_s) => `At ${rate(per_s)}/s`,
        x_axis: {range, splits: (width_px, min, max) => linear(min, max, width_px), labels: (values) => values.map((value) => rate(value) + "/s")},
        series: [
            {name: "p99", ...line_of("p99_us"), color: palette(0)},
            {name: "p50", ...line_of("p50_us"), color: () => token("--s0"), width: 1.5},
        ],
        keys: [[shape(true), "held"], [shape(false), "not held"]],
        draw: (pen, plot) => {
            const {ctx, unit} = pen;
            const y = pen.y(limit_ms);
            pen.line(pen.left, y, pen.right, y, token("--limit"), 1.25, [6, 4]);
            pen.font(11.5, 500);
            pen.text(`limit ${figure(limit_ms)} ms`, pen.left + 6 * unit, y - 6 * unit, token("--limit"));
            if (is_number(knee.per_s)) {
                const at = pen.x(knee.per_s);
                pen.line(at, pen.top, at, pen.bottom, token("--muted"), 1, [2, 3]);
                const words = `knee ${rate(knee.per_s)}/s`;
                const before = ctx.measureText(words).width + 12 * unit < at - pen.left;
                pen.text(words, at + (before ? -6 : 6) * unit, pen.top + 12 * unit, token("--ink"), before ? "right" : "left");
            }
            if (!plot.shown[0]) return;
            for (const point of points) {
                if (!(point.p99_us > 0)) continue;
                const [px, py, r] = [pen.x(point.per_s), pen.y(point.p99_us / 1000), 5 * unit];
                ctx.lineWidth = 2 * unit;
                if (point.held) {
                    ctx.beginPath();
                    ctx.arc(px, py, r, 0, 2 * Math.PI);
                    ctx.fillStyle = token("--s1");
                    ctx.strokeStyle = token("--paper");
                    ctx.fill();
                    ctx.stroke();
                } else {
                    for (const [color, width] of [[token("--paper"), 6], [token("--bad"), 2.6]]) {
                        pen.line(px - r, py - r, px + r, py + r, color, width);
                        pen.line(px - r, py + r, px + r, py - r, color, width);
                    }
                }
            }
        },
    });
}

function ledger(run) {
    const {ledger: books} = run;
    if (!books) return null;
    const wrongs = [
        ["lost", "Lost", "acknowledged, but not stored"], ["double", "Double", "stored more than once"],
        ["never_sent", "Never sent", "stored, but never sent"], ["refused_stored", "Refused", "refused, but stored"],
    ];
    const found = wrongs.filter(([key]) => books[key] > 0);
    const different = (books.counters ?? []).filter((counter) => counter.differences > 0);
    const statement = (found.length > 0 ? `${found.map(([key, , meaning]) => `${fixed(books[key])} ${meaning}`).join("; ")}. `
        : `Each of ${fixed(books.acknowledged)} acknowledged events is stored, and once. `)
        + (different.length > 0 ? `${count(different.length, "counter differs", "counters differ")}. ` : "")
        + (is_number(books.took_s) ? `Compared in ${fixed(books.took_s, 1)} s.` : "");
    const sums = [
        ["Written down", books.entries, "before they were sent"],
        ["Acknowledged", books.acknowledged, "the pipeline has promised to keep them"],
        ["Refused", books.refused, "by the answer, for good"],
        ["Unknown", books.unknown, is_number(books.unknown_stored) ? `no answer came; ${fixed(books.unknown_stored)} of them are stored, and either is right` : "no answer came"],
        ["Stored", books.stored, "found in the database"],
    ].filter(([, value]) => is_number(value));
    const examples = wrongs.flatMap(([key, , meaning]) => (books.examples?.[key] ?? []).map((id) => [meaning, id]));
    return section("ledger", "Ledger", statement,
        make("dl", {class: "tally"}, wrongs.map(([key, name, meaning]) => make("div", {}, make("dt", {}, name),
            make("dd", {}, state(books[key] > 0 ? "bad" : "good", make("span", {}, fixed(books[key])))), make("dd", {class: "meaning"}, meaning)))),
        table("What was sent, and what became of it", [{title: "Events", text: true}, {title: "Number"}],
            sums.map(([name, value, meaning]) => [[name, meaning && make("small", {}, meaning)], fixed(value)])),
        (books.counters ?? []).length > 0 && table("Counters",
            [{title: "Group", text: true}, {title: "What", text: true}, {title: "Expected"}, {title: "Found"}, {title: "Differences"}],
            books.counters.map((counter) => [counter.group, counter.what, fixed(counter.expected), fixed(counter.found),
                counter.differences > 0 ? make("strong", {class: "bad"}, fixed(counter.differences)) : fixed(counter.differences)]), true),
        examples.length > 0 && make("details", {open: ""}, make("summary", {}, "Examples, by message ID"),
            make("ul", {class: "ids"}, examples.map(([meaning, id]) => make("li", {"data-what": meaning}, id)))));
}

function all_figures(run) {
    const {phases} = run;
    const in_ms = (us) => duration(is_number(us) ? us / 1000 : null);
    const of = (key) => phases.map((phase) => phase.counts?.[key]);
    const bad_if_any = new Set(["lost", "refused_unexpected", "accepted_unexpected"]);
    const told = (key, value) => (bad_if_any.has(key) && value > 0 ? make("strong", {class: "bad"}, fixed(value)) : fixed(value));
    const counts = [
        ["offered", "offered"], ["acknowledged", "acknow\u00adledged"], ["refused", "refused"], ["refused_unexpected", "refused, though good"], ["accepted_unexpected", "accepted, though bad"],
        ["unknown", "unknown"], ["lost", "lost"], ["timed_out", "timed out"], ["duplicates", "sent twice"], ["retries", "retries"], ["status_429", "429"], ["status_503", "503"],
    ].filter(([key]) => of(key).some(is_number));
    const head = {title: "Phase", text: true};
    return section("all-figures", "Phases in full", run.settings?.loop === "open" ? "Latencies are counted from when a request was due, not from when it was sent." : null,
        table("Latency", [head, {title: "requests"}, {title: "mean"}, {title: "p50"}, {title: "p90"}, {title: "p99"}, {title: "p99.9"}, {title: "longest"}],
            phases.map(({name, latency_us: l = {}}) => [name, fixed(l.count), ...[l.mean, l.p50, l.p90, l.p99, l.p999, l.max].map(in_ms)]), true),
        counts.length > 0 && table("Events", [head, ...counts.map(([, title]) => ({title}))],
            phases.map((phase) => [phase.name, ...counts.map(([key]) => told(key, phase.counts?.[key]))]), true),
        table("Rate and generator",
            [head, {title: "kind", text: true}, {title: "begin"}, {title: "end"}, {title: "offered/s"}, {title: "acknow\u00adledged/s"},
                {title: "sent late, p99"}, {title: "CPU of the generator"}, {title: "outcome", text: true}],
            phases.map((phase) => [phase.name, phase.kind, clock(phase.begin_s), clock(phase.end_s), rate(phase.offered_per_s), rate(phase.acknowledged_per_s),
                in_ms(phase.generator?.lateness_p99_us), percent(phase.generator?.cpu_share), state(...phase_state(phase))]), true));
}

const plain = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
const pairs = (entries) => make("dl", {class: "pairs"}, entries.map(([name, value]) =>
    make("div", {class: plain(value).length > 26 ? "long" : null}, make("dt", {}, name), make("dd", {}, plain(value)))));

function settings(run) {
    const entries = Object.entries(run.settings ?? {});
    return entries.length === 0 ? null : section("settings", "Settings", null, pairs(entries));
}

function machine(run) {
    const {cpu, cores, memory_bytes, ...more} = run.machine ?? {};
    const entries = [...Object.entries(run.versions ?? {}), ...(cpu ? [["processor", cpu]] : []), ...(is_number(cores) ? [["cores", cores]] : []),
        ...(is_number(memory_bytes) ? [["memory", memory(memory_bytes)]] : []), ...Object.entries(more)];
    return entries.length === 0 ? null : section("machine", "Versions and machine", null, pairs(entries));
}

function command(run) {
    if (!run.command) return null;
    const code = make("code", {}, run.command);
    const button = make("button", {type: "button", class: "copy", onclick: async () => {
        let done = true;
        try {
            await navigator.clipboard.writeText(run.command);
        } catch {
            // Where a page may not write to the clipboard, what is selected may still be copied.
            getSelection().selectAllChildren(code);
            done = document.execCommand("copy");
        }
        button.textContent = done ? "Copied" : "Selected";
        setTimeout(() => { button.textContent = "Copy"; }, 1600);
    }}, "Copy");
    const statement = run.settings?.seed === undefined ? null : "The seed makes it the same traffic.";
    return section("command", "The same again", statement, make("div", {class: "command"}, code, button));
}

// --- The page --------------------------------------------------------------------------------------------------

const themed = [];
let drawn = {};

function draw_all(width_px, k = 1) {
    drawn = {width_px, k, theme: root.dataset.theme};
    for (const plot of plots) draw(plot, width_px, k);
}

const room = () => plots[0]?.stage.clientWidth ?? 0;

function set_theme(theme) {
    root.dataset.theme = theme;
    for (const show of themed) show();
    if (plots.length > 0) draw_all(room());
}

function follow_the_window() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => set_theme(dark.matches ? "dark" : "light"));

    // Paper is light, has its own width and takes more dots than a screen: A4 and Letter less their margins.
    const paper_px = 680;
    let before = null;
    const to_paper = () => {
        if (before) return;
        before = root.dataset.theme;
        root.dataset.theme = "light";
        for (const details of document.querySelectorAll("details")) details.open = true;
        draw_all(paper_px, 2.5);
    };
    const from_paper = () => {
        if (!before) return;
        root.dataset.theme = before;
        before = null;
        draw_all(room());
    };
    addEventListener("beforeprint", to_paper);
    addEventListener("afterprint", from_paper);
    matchMedia("print").addEventListener("change", ({matches}) => (matches ? to_paper() : from_paper()));

    if (plots.length === 0) return;
    new ResizeObserver(() => requestAnimationFrame(() => {
        if (!before && room() > 0 && room() !== drawn.width_px) draw_all(room());
    })).observe(plots[0].stage);
}

function show(run) {
    run.phases ??= [];
    run.marks ??= [];
    run.seconds ??= {at_s: []};
    const end = Math.max(0, ...run.phases.map((phase) => phase.end_s), ...run.seconds.at_s.slice(-1));
    time_range = [0, end || 1];
    document.title = `${run.verdict.passed ? "Passed" : "Failed"}: ${run.verdict.text}`;
    const parts = [
        top(run, end), verdict(run), run.phases.length > 0 && key_figures(run),
        rate_plot(run), latency_plot(run), curve_plot(run), lag_plot(run), freshness_plot(run), cpu_plot(run), memory_plot(run), knee_plot(run),
        ledger(run), run.phases.length > 0 && all_figures(run), settings(run), machine(run), command(run),
        make("footer", {}, `${moment(run.started_at)} to ${moment(run.ended_at)}`),
    ];
    report.replaceChildren(...parts.filter(Boolean));
    follow_the_window();
    if (plots.length > 0) draw_all(room());
}

let run = null;
try {
    run = JSON.parse(document.getElementById("run").textContent);
} catch (error) {
    report.append(make("header", {class: "verdict"}, state("warn", "No run"), make("h1", {}, "There is no run in this page."), make("p", {}, String(error.message))));
}
if (run) show(run);
})();
