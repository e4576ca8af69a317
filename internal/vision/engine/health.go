package engine

import "context"

// Healther is a Model that can tell whether it would answer now. Health does
// no work that costs the model anything, and blocks until ctx ends at most.
type Healther interface {
	Health(ctx context.Context) Health
}

// HealthState says whether a model can be used.
type HealthState string

// The states of a model.
const (
	// Ready answers.
	Ready HealthState = "ready"
	// Unready can be reached and says that it does not answer yet.
	Unready HealthState = "unready"
	// Unreachable cannot be reached.
	Unreachable HealthState = "unreachable"
	// Unknown is a model whose engine cannot tell.
	Unknown HealthState = "unknown"
)

// HealthReason says why a model is in its state; pages have a text for each.
type HealthReason string

// The reasons.
const (
	// Answered: the server was asked and answered.
	Answered HealthReason = "answered"
	// InProcess: the model runs inside this program.
	InProcess HealthReason = "in_process"
	// Untrained: the model runs, but has learned nothing yet.
	Untrained HealthReason = "untrained"
	// Refused: the server answered that it is not ready.
	Refused HealthReason = "refused"
	// Silent: there was no answer in time, or no connection.
	Silent HealthReason = "silent"
	// LeftAlone: it failed several times in a row and is not called for a while.
	LeftAlone HealthReason = "left_alone"
	// Unopened: its pipeline cannot be opened.
	Unopened HealthReason = "unopened"
	// Untold: its engine cannot tell.
	Untold HealthReason = "untold"
)

// Health is a model's state. Detail is English text for operators, such as a
// status; it names no address and no key.
type Health struct {
	State  HealthState
	Reason HealthReason
	Detail string
}
