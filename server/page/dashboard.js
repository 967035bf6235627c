"use strict";
const currency = document.documentElement.dataset.currency;
const moneyFormat = (digits, compact) => new Intl.NumberFormat(undefined, {
	...(currency ? { style: "currency", currency } : {}), ...(compact ? { notation: "compact" } : {}),
	maximumFractionDigits: digits });
const money = moneyFormat(undefined, false), axisMoney = moneyFormat(1, true);
const whole = new Intl.NumberFormat(), percent = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const byId = (id) => document.getElementById(id);
const none = "\u2013";                 /* nothing behind it: shown as such, never as zero */
let asked = 0;

function element(tag, attributes = {}, ...children) {
	const e = document.createElement(tag);
	Object.assign(e, attributes);
	e.append(...children);
	return e;
}

function shape(tag, attributes, text) {
	const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [k, v] of Object.entries(attributes))
		e.setAttribute(k, v);
	if (text !== undefined)
		e.textContent = text;
	return e;
}

const shown = (v, format) => v === undefined ? none : format(Number(v));

function growth(v) {
	if (v === undefined)
		return element("p", { className: "growth" });
	const up = v >= 0;
	return element("p", { className: "growth " + (up ? "up" : "down"), title: "against the period of equal length before" },
		(up ? "\u25b2 " : "\u25bc ") + percent.format(Math.abs(v)) + " % vs. before");
}

function drawFigures(m) {
	const rows = [
		["Revenue", shown(m.totalRevenue, money.format), m.revenueGrowth],
		["Orders", shown(m.totalOrders, whole.format), m.orderGrowth],
		["Average order", shown(m.averageOrderValue, money.format)],
		["Active customers", shown(m.activeCustomers, whole.format), m.customerGrowth],
		["Conversion", shown(m.conversionRate, (v) => percent.format(v) + " %")],
	];
	byId("figures").replaceChildren(...rows.map(([name, value, change]) =>
		element("div", { className: "figure" }, element("p", { className: "name" }, name),
			element("p", { className: "value" }, value), growth(change))));
}

/* The smallest of 1, 2, 5 times a power of ten that four steps of it reach max. */
function step(max) {
	const power = 10 ** Math.floor(Math.log10(max / 4));
	return [1, 2, 5, 10].map((f) => f * power).find((s) => s * 4 >= max);
}

function drawTrend(points) {
	const box = byId("trend"), narrow = box.clientWidth < 520;
	const w = narrow ? 420 : 1000, h = narrow ? 220 : 260, left = 58, bottom = 22, top = 8;
	const max = Math.max(0, ...points.map((p) => p.revenue ?? 0));
	byId("trend-note").textContent = points.some((p) => !p.final) ? "Lighter bars are periods that are not over yet" : "\u00a0";
	if (!points.length || max <= 0) {
		box.replaceChildren(element("p", { className: "empty" }, "No revenue in this range"));
		return;
	}
	const svg = shape("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": "Revenue by day" });
	const unit = step(max), ceiling = Math.ceil(max / unit) * unit;
	const y = (v) => top + (h - top - bottom) * (1 - v / ceiling);
	for (let v = 0; v <= ceiling + unit / 2; v += unit) {
		svg.append(shape("line", { class: "grid", x1: left, x2: w, y1: y(v), y2: y(v) }));
		svg.append(shape("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, axisMoney.format(v)));
	}
	const slot = (w - left) / points.length, width = Math.min(slot * 0.72, 46);
	const every = Math.ceil(points.length / (narrow ? 5 : 12));
	points.forEach((p, i) => {
		const x = left + slot * i + (slot - width) / 2, value = p.revenue ?? 0, g = shape("g", {});
		g.append(shape("title", {}, `${p.date}: ${money.format(value)}, ${whole.format(Number(p.orders ?? 0))} orders`));
		g.append(shape("rect", { x: left + slot * i, y: top, width: slot, height: h - top - bottom, fill: "transparent" }));
		g.append(shape("rect", { class: p.final ? "bar" : "bar open", x, y: y(value), width,
			height: Math.max(0, y(0) - y(value)), rx: Math.min(3, width / 3) }));
		svg.append(g);
		if (i % every === 0)
			svg.append(shape("text", { x: left + slot * (i + 0.5), y: h - 5, "text-anchor": "middle" },
				p.date.length > 10 ? p.date.slice(11, 16) : p.date.slice(5)));
	});
	box.replaceChildren(svg);
}

function drawRows(id, rows, empty) {
	byId(id).replaceChildren(...(rows.length ? rows.map(([name, value, share]) => {
		const bar = element("b");
		bar.style.width = Math.max(0, Math.min(100, share)) + "%";
		return element("div", { className: "row" },
			element("div", {}, element("span", { title: name }, name), element("span", {}, value)), element("i", {}, bar));
	}) : [element("p", { className: "empty" }, empty)]));
}

const stages = { page_view: "Page viewed", product_view: "Product viewed", add_to_cart: "Added to cart",
	checkout: "Checkout started", purchase: "Purchased" };

function draw(answer) {
	drawFigures(answer.metrics ?? {});
	drawTrend(answer.revenueTrend);
	drawRows("funnel", (answer.conversionFunnel?.stages ?? []).map((s) =>
		[stages[s.stage] ?? s.stage, shown(s.users, whole.format) + (s.rate === undefined ? "" : ` \u00b7 ${percent.format(s.rate)} %`),
			s.rate ?? 0]), "No sessions in this range");
	const most = Math.max(0, ...answer.salesByCategory.map((c) => c.revenue ?? 0)) || 1;
	drawRows("categories", answer.salesByCategory.slice(0, 8).map((c) =>
		[c.category || "Without a category", shown(c.revenue, money.format) +
			(c.percentage === undefined ? "" : ` \u00b7 ${percent.format(c.percentage)} %`), 100 * (c.revenue ?? 0) / most]),
		"No sales in this range");
	byId("as-of").textContent = answer.dataAsOf ? "Figures include every event up to " +
		new Date(answer.dataAsOf).toLocaleString() : "";
}

let range = "30d", last = null;

async function load() {
	const mine = ++asked, main = document.querySelector("main"), problem = byId("problem");
	for (const b of document.querySelectorAll("nav button"))
		b.setAttribute("aria-pressed", b.dataset.range === range);
	main.setAttribute("aria-busy", "true");
	try {
		const response = await fetch("/api/v1/analytics/dashboard/overview?dateRange=" + range);
		const answer = await response.json();
		if (mine !== asked)
			return;
		if (!response.ok)
			throw new Error(answer.error?.message ?? "status " + response.status);
		problem.hidden = true;
		last = answer;
		draw(answer);
	} catch (e) {
		if (mine !== asked)
			return;
		problem.textContent = "The figures cannot be loaded: " + e.message;
		problem.hidden = false;
	}
	main.setAttribute("aria-busy", "false");
}

byId("ranges").addEventListener("click", (e) => {
	if (!e.target.dataset.range)
		return;
	range = e.target.dataset.range;
	load();
});
addEventListener("resize", () => last && drawTrend(last.revenueTrend));
setInterval(() => document.hidden || load(), 30000);
load();
