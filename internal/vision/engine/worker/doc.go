// Package worker is the engine for models that run in a process of the lab's
// own beside the server: a Python program with ONNX Runtime or PyTorch, or any
// other that speaks the worker protocol (docs/worker-protocol.md).
//
//	Detect, Classify ─► queue ─► a batch of those that wait ─► worker process
//	                                 pictures as files ─►       ◄─ boxes, guesses
//
// A batch is one job with the actor detect or classify. Its pictures lie in
// the job's private folder; docs/pipelines.md has the arguments and the
// answer. The processes, their limits and their end are the platform's
// (internal/platform/worker); what is decided here is how calls become jobs
// and how their ends become the errors of engine.Model.
package worker
