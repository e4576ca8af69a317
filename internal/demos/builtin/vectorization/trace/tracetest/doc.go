// Package tracetest draws diagrams whose primitives are known, spoils them as
// scanners and cameras do, and reads SVG back into primitives and pixels, so
// that a tracer can be judged by what it was to find. It is for tests and
// benchmarks only.
//
//	Random(seed) ─► Diagram ─► Render ─► Spoil(noise, light, blur, JPEG) ─► tracer ─► SVG
//	                   │                                                              │
//	                   └──────────── Render ──► IoU ◄── Render ◄── Parse ◄────────────┘
//
// Both sides go through the same rasteriser, which knows no more of SVG than
// lines, circles, paths of M L A C Z, stroke widths and caps.
package tracetest
