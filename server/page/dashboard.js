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

const share = (v) => percent.format(v) + " %";
const hours = (v) => percent.format(v) + " h";

/* rows: arrays of cells, the first of which names the row; head: the same of column names, or nothing. */
function drawTable(id, rows, empty, head) {
	const line = (tag) => (cells) => element("tr", {}, ...cells.map((c) => element(tag, { title: c }, c)));
	byId(id).replaceChildren(...(head && rows.length ? [line("th")(head)] : []), ...rows.map(line("td")),
		...(rows.length || !empty ? [] : [element("tr", {}, element("td", { className: "soft" }, empty))]));
}

function drawFunnel(answer) {
	drawRows("funnel", answer.stages.map((s) =>
		[stages[s.stage] ?? s.stage, shown(s.users, whole.format) + (s.rate === undefined ? "" : ` \u00b7 ${share(s.rate)}`),
			s.rate ?? 0]), "No sessions in this range");
	drawTable("devices", answer.segments.slice(0, 5).map((g) =>
		[g.segment ?? "Unknown device", ...g.stages.map((s) => shown(s.users, whole.format)), shown(g.stages.at(-1).rate, share)]),
		"", ["Device", "Viewed", "Product", "Cart", "Checkout", "Bought", "Rate"]);
}

function drawRevenue(answer) {
	const s = answer.summary;
	drawTable("revenue", [
		["Revenue", shown(s.totalRevenue, money.format)],
		["Paid back", shown(s.refunds, money.format)],
		["Net revenue", shown(s.netRevenue, money.format)],
		["A day", shown(s.averageDailyRevenue, money.format)],
		["Margin", shown(s.grossMargin, share)],
		...answer.excluded.map((x) => ["Without a rate: " + x.currency, `${whole.format(Number(x.amount ?? 0))} \u00b7 ${x.orders} orders`]),
	]);
	drawTable("products", answer.topProducts.slice(0, 5).map((p) =>
		[p.name ?? p.id, shown(p.unitsSold, (v) => whole.format(v) + " sold"), shown(p.revenue, money.format)]), "No sales in this range");
}

function drawOrders(answer) {
	const m = answer.metrics, f = answer.fulfillment;
	drawRows("statuses", answer.statusDistribution.slice(0, 7).map((s) =>
		[s.status ?? "Unknown", `${whole.format(Number(s.count ?? 0))} \u00b7 ${share(s.percentage ?? 0)}`, s.percentage ?? 0]),
		"No orders in this range");
	drawTable("fulfillment", [
		["Fulfilled", shown(f.fulfillmentRate, share)],
		["From order to fulfilment", shown(f.averageFulfillmentTimeHours, hours)],
		["Not fulfilled yet", shown(f.pendingFulfillment, whole.format)],
		["Cancelled", shown(m.cancelledOrders, whole.format) + (m.cancellationRate === undefined ? "" : ` \u00b7 ${share(m.cancellationRate)}`)],
	]);
}

function drawOverview(answer) {
	drawFigures(answer.metrics);
	drawTrend(answer.revenueTrend);
	const most = Math.max(0, ...answer.salesByCategory.map((c) => c.revenue ?? 0)) || 1;
	drawRows("categories", answer.salesByCategory.slice(0, 8).map((c) =>
		[c.category || "Without a category", shown(c.revenue, money.format) +
			(c.percentage === undefined ? "" : ` \u00b7 ${share(c.percentage)}`), 100 * (c.revenue ?? 0) / most]),
		"No sales in this range");
	byId("as-of").textContent = answer.dataAsOf ? "Figures include every event up to " +
		new Date(answer.dataAsOf).toLocaleString() : "";
}

const calls = [["dashboard/overview", drawOverview], ["funnel", drawFunnel, "&segmentBy=device"],
	["revenue", drawRevenue], ["orders", drawOrders]];
const base = "/api/v1/analytics/";
let range = "30d", last = null;

async function ask(path) {
	const response = await fetch(base + path), answer = await response.json();
	if (!response.ok)
		throw new Error(answer.error?.message ?? "status " + response.status);
	return answer;
}

async function load() {
	const mine = ++asked, main = document.querySelector("main"), problem = byId("problem");
	for (const b of document.querySelectorAll("nav button"))
		b.setAttribute("aria-pressed", b.dataset.range === range);
	main.setAttribute("aria-busy", "true");
	try {
		const answers = await Promise.all(calls.map(([path, , more]) => ask(`${path}?dateRange=${range}${more ?? ""}`)));
		if (mine !== asked)
			return;
		problem.hidden = true;
		last = answers[0];
		calls.forEach(([, draw], i) => draw(answers[i]));
	} catch (e) {
		if (mine !== asked)
			return;
		problem.textContent = "The figures cannot be loaded: " + e.message;
		problem.hidden = false;
	}
	main.setAttribute("aria-busy", "false");
}

const clock = (t) => new Date(t).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

function drawLive(answer) {
	const m = answer.metrics;
	byId("live").classList.add("on");
	byId("live-note").textContent = "As of " + new Date(answer.dataAsOf).toLocaleTimeString();
	byId("live-figures").replaceChildren(...[
		["Online", shown(m.onlineUsers, whole.format)], ["Orders today", shown(m.ordersToday, whole.format)],
		["Revenue today", shown(m.revenueToday, money.format)], ["Page views today", shown(m.pageViewsToday, whole.format)],
		["Conversion today", shown(m.conversionRateToday, share)],
	].map(([name, value]) => element("div", {}, element("p", { className: "name" }, name), element("p", { className: "value" }, value))));
	drawTable("recent", answer.recentOrders.slice(0, 5).map((o) =>
		[o.customerName ?? o.orderId, clock(o.createdAt), shown(o.amount, money.format)]), "None yet");
	drawTable("active", answer.activeUsers.slice(0, 5).map((u) => [u.userId, u.currentPage ?? none, clock(u.lastActivity)]), "Nobody");
}

/* The browser connects again by itself, unless it was refused. */
function listen() {
	const source = new EventSource(base + "realtime/stream");
	source.onmessage = (e) => drawLive(JSON.parse(e.data));
	source.onerror = () => {
		byId("live").classList.remove("on");
		byId("live-note").textContent = "Live figures are interrupted";
		if (source.readyState === EventSource.CLOSED)
			setTimeout(listen, 5000);
	};
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
listen();
