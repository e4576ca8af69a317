//go:build unix

package dataset

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the end of the context end the command with everything that
// it started.
func ownGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}
