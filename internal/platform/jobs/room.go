package jobs

import (
	"fmt"
	"sync"
)

// Room keeps Config.MaxWaiting without counting a lane's waiting jobs at every
// Enqueue: a count that found room for n jobs is good for half as many. Safe
// for concurrent use.
type Room struct {
	limit int

	mu   sync.Mutex
	left map[string]int
}

// NewRoom returns the room of lanes that hold limit waiting jobs each.
func NewRoom(limit int) *Room { return &Room{limit: limit, left: map[string]int{}} }

// Take makes room for one job, or answers QueueFull. count returns how many
// wait in the lane, as seen by the caller's transaction.
func (r *Room) Take(lane, queue string, count func() (int, error)) error {
	r.mu.Lock()
	if r.left[lane] > 0 {
		r.left[lane]--
		r.mu.Unlock()
		return nil
	}
	r.mu.Unlock()
	waiting, err := count()
	if err != nil {
		return fmt.Errorf("count waiting jobs: %w", err)
	}
	if waiting >= r.limit {
		return QueueFull(queue)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left[lane] = (r.limit - waiting - 1) / 2
	return nil
}
