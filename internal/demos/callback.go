package demos

import (
	"context"
	"encoding/json"
	"fmt"

	"granary/internal/platform/database"
	"granary/internal/platform/fault"
	"granary/internal/platform/jobs/outbox"
)

// event is one callback before it is written down.
type event struct {
	name string
	// more are the members behind the ids.
	more members
	// first says that nothing of the task was told before.
	first     bool
	droppable bool
	final     bool
}

func started() event { return event{name: "STARTED", first: true, droppable: true} }

func succeeded(output json.RawMessage) event {
	return event{name: "SUCCESS", final: true, more: members{{"success", json.RawMessage("true")}, {"output", output}}}
}

// failed says the error twice: front ends differ in what they read.
func failed(message string) event {
	if message == "" {
		message = "the task failed"
	}
	text := quoted(message)
	return event{name: "ERROR", final: true, more: members{{"error", text}, {"message", text}, {"completed", json.RawMessage("true")}}}
}

// reported is what a worker asks to tell: its data's members, or the data
// itself as output. A worker cannot end its task this way.
func reported(name string, data json.RawMessage) (event, error) {
	e := event{name: name}
	if name == "SUCCESS" || name == "STARTED" {
		return e, fmt.Errorf("a worker cannot send the event %s", name)
	}
	object, err := parseMembers(data)
	if err != nil || name == "PROGRESS" && object.get("output") == nil {
		e.more = members{{"output", data}}
		return e, nil //nolint:nilerr // an output need not be an object
	}
	for _, one := range object {
		switch one.name {
		case "output", "error", "message":
			e.more = append(e.more, one)
		}
	}
	if name == "ERROR" {
		if text := object.get("error"); text != nil && object.get("message") == nil {
			e.more = append(e.more, member{"message", text})
		}
		e.more = append(e.more, member{"completed", json.RawMessage("false")})
	}
	return e, nil
}

// body is the callback's JSON.
func (e event) body(task *Task) []byte {
	ids := members{{"event", quoted(e.name)}, {"tracking_id", quoted(task.ID)}, {"experiment_id", quoted(task.ExperimentID)}}
	return append(ids, e.more...).encode()
}

// announce queues a callback in the caller's transaction, when there is
// anybody to call. One that front ends would refuse for its length goes
// without the inline annotations, which newer ones do not read. One that
// cannot be queued at all is left out when others follow, which repeat what it
// says; instead of the last one an ERROR leaves, so that nobody waits for ever.
func (s *Service) announce(ctx context.Context, tx database.Tx, task *Task, e event) error {
	if task.NotifyURL == "" {
		return nil
	}
	body := e.body(task)
	if len(body) > s.cfg.MaxCallback {
		for i := range e.more {
			if output, err := parseMembers(e.more[i].value); err == nil && e.more[i].name == "output" {
				e.more[i].value = output.without("annotations").encode()
			}
		}
		s.log.WarnContext(ctx, "a callback is longer than front ends accept; its inline annotations were left out",
			"task_id", task.ID, "event", e.name, "bytes", len(body), "limit", s.cfg.MaxCallback)
		body = e.body(task)
	}
	message := outbox.Message{
		Stream: task.JobID, URL: task.NotifyURL, Body: body, NotBefore: s.now(), Droppable: e.droppable, Final: e.final,
	}
	if e.first || !task.Begun {
		// Counted from now, not from the request: storing a long one takes its
		// time, and the answer leaves only after the commit. What follows waits
		// behind the first.
		message.NotBefore = s.now().Add(s.cfg.Grace)
	}
	err := s.outbox.Add(ctx, tx, message)
	if !fault.Is(err, fault.TooLarge) && !(fault.Is(err, fault.Unavailable) && !e.final) {
		return err
	}
	// The work is done, whoever can be told of it.
	s.log.ErrorContext(ctx, "a callback was left out", "task_id", task.ID, "event", e.name, "bytes", len(body), "error", err)
	if !e.final {
		return nil
	}
	message.Body = failed("the result is too long for a callback").body(task)
	return s.outbox.Add(ctx, tx, message)
}
