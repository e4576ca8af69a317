package worker

import "granary/internal/vision/engine"

// Waiting returns how many calls wait for a process.
func Waiting(m engine.Model) int {
	own := m.(*model)
	return len(own.waiting[detect]) + len(own.waiting[classify])
}
