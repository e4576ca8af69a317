package demos

import "sync"

// maxPolled bounds the tasks that are remembered between two polls.
const maxPolled = 4096

// polled remembers tasks that were open when somebody asked: pages ask once a
// second, and while its job runs nothing that they are shown stands in a
// task's row. The zero value is empty.
type polled struct {
	mu    sync.Mutex
	tasks map[string]*Task
}

// get returns a task that was open the last time; nobody may change it.
func (p *polled) get(id string) (*Task, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	task, ok := p.tasks[id]
	return task, ok
}

// remember keeps an open task and forgets one that ended.
func (p *polled) remember(task *Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if task.State != Open {
		delete(p.tasks, task.ID)
		return
	}
	if p.tasks == nil || len(p.tasks) >= maxPolled {
		p.tasks = map[string]*Task{} // whoever is still polled comes back at once
	}
	kept := *task
	p.tasks[task.ID] = &kept
}
