"""How the page looks: one style sheet, no font, image or script from anywhere."""

from __future__ import annotations

CSS = """
:root { --ink:#1d2733; --soft:#5b6875; --paper:#ffffff; --ground:#f3f5f7; --line:#dde3e9;
  --good:#1f7a5c; --track:#e6ebef; --mark:#12202e; --warn:#8a5a00; --warnground:#fff6e0;
  --wrong:178,58,36; --right:31,122,92; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink:#e4e9ee; --soft:#9aa7b4; --paper:#18202a;
  --ground:#10161d; --line:#2c3744; --good:#41b08a; --track:#2a3542; --mark:#ffffff;
  --warn:#f0c66a; --warnground:#2c2512; --wrong:224,108,88; --right:65,176,138; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--ground); color:var(--ink);
  font:16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width:1000px; margin:0 auto; padding:24px 16px 64px; }
header p.name { margin:0; color:var(--soft); overflow-wrap:anywhere; }
h1 { font-size:1.15rem; margin:0; font-weight:600; }
section { background:var(--paper); border:1px solid var(--line); border-radius:12px;
  padding:20px 24px; margin-top:20px; }
h2 { font-size:1.2rem; margin:0 0 4px; }
h3 { font-size:1rem; margin:20px 0 6px; }
.lead { margin:0 0 14px; color:var(--soft); max-width:90ch; }
.hero { display:flex; flex-wrap:wrap; gap:8px 32px; align-items:center; }
.hero .number { font-size:4.2rem; line-height:1; font-weight:700; color:var(--good);
  letter-spacing:-.03em; }
.hero .number small { font-size:1.1rem; font-weight:500; letter-spacing:0; color:var(--soft);
  margin-left:.5em; }
.hero .words { flex:1 1 320px; font-size:1.2rem; margin:0; }
.scale { width:100%; height:46px; margin-top:14px; display:block; overflow:visible; }
.scale text { font-size:12px; fill:var(--soft); }
.scale .track { fill:var(--track); } .scale .range { fill:var(--good); opacity:.45; }
.scale .point { fill:var(--good); } .scale .guess { stroke:var(--soft); stroke-dasharray:3 3; }
ul { margin:0; padding-left:1.2em; } li { margin:4px 0; overflow-wrap:anywhere; }
ul.warnings { background:var(--warnground); color:var(--warn); border-radius:8px;
  padding:10px 16px 10px 2em; margin-top:14px; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; width:100%; font-size:.93rem; }
th, td { text-align:left; padding:7px 12px 7px 0; border-bottom:1px solid var(--line);
  vertical-align:middle; }
thead th { color:var(--soft); font-weight:500; font-size:.84rem; vertical-align:bottom; }
tbody th { font-weight:600; overflow-wrap:anywhere; min-width:7em; }
td { font-variant-numeric:tabular-nums; }
.bar { display:flex; align-items:center; gap:10px; min-width:150px; }
.bar svg { flex:1; height:12px; border-radius:3px; } .bar b { width:3.4em; font-weight:600; }
.bar .track { fill:var(--track); } .bar .fill { fill:var(--good); opacity:.75; }
.bar .range { fill:var(--mark); }
.bar.pale .fill { fill:var(--soft); }
.ranged { display:inline-block; min-width:6.4em; line-height:1.25; } .ranged b { display:block;
  width:auto; font-weight:600; } td .ranged i, .bar .ranged i { font-style:normal;
  color:var(--soft); font-size:.78rem; white-space:nowrap; }
.method { color:var(--soft); font-size:.85rem; margin:14px 0 0; max-width:90ch; }
.one .bar { max-width:420px; } p.one { margin:0; }
.plot { width:100%; max-width:360px; display:block; } .plot text { font-size:12px;
  fill:var(--soft); } .plot .track { fill:var(--ground); } .plot .ideal { stroke:var(--soft);
  stroke-dasharray:4 4; } .plot .range { stroke:var(--good); stroke-width:2; opacity:.55; }
.plot .point { fill:var(--good); }
table.baselines { max-width:560px; margin-bottom:12px; }
.none, .missing { color:var(--soft); font-style:italic; font-size:.85rem; }
table.matrix { width:auto; font-size:.84rem; }
table.matrix td { text-align:center; min-width:2.6em; padding:6px; border:2px solid var(--paper);
  border-radius:6px; }
table.matrix thead th { writing-mode:vertical-rl; transform:rotate(180deg); padding:6px 4px;
  max-height:12em; font-size:.84rem; white-space:nowrap; }
table.matrix tbody th, table.matrix thead th { border-bottom:0; }
table.matrix tbody th { white-space:nowrap; max-width:16em; overflow:hidden;
  text-overflow:ellipsis; }
table.matrix thead th:first-child { writing-mode:horizontal-tb; transform:none; }
tr.chosen { background:rgba(var(--right),.10); }
table.tried td:last-child { min-width:18em; color:var(--soft); }
.grid { display:grid; grid-template-columns:repeat(auto-fill, minmax(140px, 1fr)); gap:14px; }
.grid:has(blockquote) { grid-template-columns:repeat(auto-fill, minmax(240px, 1fr)); }
.grid.wide { grid-template-columns:repeat(auto-fill, minmax(210px, 1fr)); }
.grid.boxed { grid-template-columns:repeat(auto-fill, minmax(min(100%, 380px), 1fr));
  align-items:start; }
.boxed svg { display:block; width:100%; max-height:640px; background:var(--track); }
.boxed svg .track { fill:var(--track); }
.boxed svg g { filter:drop-shadow(0 0 1px rgba(0,0,0,.9)); }
.boxed svg text { font-weight:700; paint-order:stroke; stroke:#10161d; stroke-width:.24em;
  stroke-linejoin:round; pointer-events:none; }
.legend { display:flex; flex-wrap:wrap; gap:6px 20px; margin:0 0 12px; font-size:.85rem;
  background:#2b3642; color:#eef2f5; border-radius:8px; padding:8px 14px; }
.legend span { display:inline-flex; align-items:center; gap:8px; }
.grid.wide img, .grid.wide .missing { aspect-ratio:4/3; }
section > details { margin-top:14px; }
figure { margin:0; border:1px solid var(--line); border-radius:8px; overflow:hidden;
  font-size:.84rem; }
figure img, figure .missing { display:flex; width:100%; aspect-ratio:1; object-fit:cover;
  background:var(--track); align-items:center; justify-content:center; }
figure blockquote { margin:0; padding:10px; background:var(--track); overflow-wrap:anywhere; }
figcaption { padding:8px 10px; overflow-wrap:anywhere; line-height:1.4; }
figcaption small { display:block; color:var(--soft); font-size:.8rem; margin-top:4px; }
figcaption .path { color:var(--soft); font-size:.76rem; display:block; }
.facts { display:grid; grid-template-columns:repeat(auto-fit, minmax(130px, 1fr)); gap:12px;
  margin:10px 0; }
.facts div { background:var(--ground); border-radius:8px; padding:10px 14px; }
.facts b { display:block; font-size:1.5rem; line-height:1.2; } .facts span { color:var(--soft);
  font-size:.85rem; }
dl { display:grid; grid-template-columns:max-content 1fr; gap:6px 20px; margin:0; }
dt { color:var(--soft); } dd { margin:0; overflow-wrap:anywhere; }
details summary { cursor:pointer; color:var(--soft); }
@media (max-width:560px) { section { padding:16px; border-radius:8px; }
  .hero .number { font-size:3.2rem; } .hero .words { font-size:1.05rem; }
  dl { grid-template-columns:1fr; gap:0; } dd { margin-bottom:8px; } }
@media print { body { background:none; } section { break-inside:avoid; } }
"""
