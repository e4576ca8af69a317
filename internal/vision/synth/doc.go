// Package synth draws pictures of seed-like objects whose truth is known: what
// each object is and exactly where. Tests, benchmarks and the demo use it where
// they need volume or certainty that no photograph gives.
//
// It does not imitate photographs of real seeds well enough to train a model
// for them: names and proportions are those of real species, the looks are
// caricatures.
//
//	Scene (what to draw, one seed number) ─► Render ─► Picture{Image, Truth}
//	          └ species: shape × colours × texture × size in millimetres
//
// The same Scene gives the same bytes on the same processor architecture.
package synth
