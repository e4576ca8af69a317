// Package remote owns the calls of engines to models behind HTTP: kept
// connections, one bound on calls in flight, a time limit over all attempts,
// repeats with growing jittered waits, a circuit breaker and a cap on answers.
//
//	Do ─► slot ─► breaker ─► attempt ─► answer
//	               ▲            │ 429 502 503 504, broken connection
//	               └── wait ◄───┘
//
// It knows no wire format: azureml and openinference bring theirs.
package remote
