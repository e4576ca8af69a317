package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of processor times in /proc (proc(5), USER_HZ).
const clockTick = 10 * time.Millisecond

// resident returns a process's resident memory and its peak, in MB (10^6
// bytes). Where the system does not tell, the error says so.
func resident(pid int) (now, peak float64, err error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	for name, into := range map[string]*float64{"VmRSS": &now, "VmHWM": &peak} {
		text, _, _ := strings.Cut(field(path, name), " ")
		kib, parseErr := strconv.ParseFloat(text, 64)
		if parseErr != nil {
			return 0, 0, fmt.Errorf("read %s of process %d: %w", name, pid, parseErr)
		}
		*into = kib * 1024 / 1e6
	}
	return now, peak, nil
}

// processorTime returns how much processor time a process has used.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the command in parentheses; fields 14 and 15 are
	// user and system time (proc(5)).
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %d has an unknown form of statistics", pid)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("statistics of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
