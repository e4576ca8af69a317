//go:build unix && !linux

package worker

import (
	"os/exec"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit reaps the process: these systems cannot leave it. That its group's
// number is another's before the group is killed takes a full turn of all
// process numbers.
func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

func killFamily(leader int, _ string) []int {
	if leader > 0 { // 0 would be our own group
		_ = syscall.Kill(-leader, syscall.SIGKILL)
	}
	return nil
}
