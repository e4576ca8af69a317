//go:build !unix

package worker

import (
	"os"
	"os/exec"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

// killFamily leaves the process itself to its handle; there are no groups.
func killFamily(int, string) []int { return nil }

func terminateGroup(int) {}

func signalOf(*os.ProcessState) string { return "" }
