// Package demo shows a newcomer the whole loop on sample data through the
// HTTP API of a running server: pictures in, objects found, experts' names
// for half of them, a model trained on those, the other half named by it.
//
//	synth pictures, coins.png ─► /inf ─► /feedback-negative (half) ─► retrain ─► /inf ─► table, PNG
//
// It speaks only HTTP, so that what it shows is what any client gets.
package demo
