//go:build unix

package worker

import (
	"os"
	"syscall"
)

func terminateGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGTERM) }

// signalOf names the signal that ended a process; empty when none did.
func signalOf(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal().String()
	}
	return ""
}
