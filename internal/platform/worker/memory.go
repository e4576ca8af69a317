package worker

import "time"

// watchEvery is how often the memory of a worker's processes is looked at.
const watchEvery = 250 * time.Millisecond

// watch kills the process when its family holds more than limit bytes.
func (p *process) watch(limit int64) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.dead:
			return
		case <-ticker.C:
		}
		if resident(p.cmd.Process.Pid, p.mark) > limit {
			p.overLimit.Store(true)
			p.kill()
			return
		}
	}
}
