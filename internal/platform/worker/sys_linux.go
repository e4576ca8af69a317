package worker

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attributes make the process the leader of a group of its own that does not
// outlive us.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit blocks until the process has ended and leaves it unreaped, so that
// its number and that of its group stay its own.
func awaitExit(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// hasExited reports whether the process has ended, even before anybody was
// told so.
func hasExited(cmd *exec.Cmd) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return errors.Is(err, syscall.ECHILD) || info.Signo != 0
}

// killFamily kills the group of leader (0: of none) and every process that
// carries mark, until none is left, and returns those it met.
func killFamily(leader int, mark string) []int {
	if leader > 0 { // 0 would be our own group
		_ = syscall.Kill(-leader, syscall.SIGKILL)
	}
	var met []int
	// A process may start another between the look and the kill.
	for range 10 {
		living := 0
		for _, r := range family(leader, mark) {
			if r.pid != leader {
				met = append(met, r.pid)
			}
			if !r.zombie {
				living++
				_ = syscall.Kill(r.pid, syscall.SIGKILL)
			}
		}
		if living == 0 {
			break
		}
	}
	return met
}

// reap takes away those of pids that have become our children, which happens
// to orphans where we are the first process of a container. It would be wrong
// to wait for any child: others of this program wait for theirs.
func reap(pids []int) {
	deadline := time.Now().Add(drainTime)
	for _, pid := range pids {
		for {
			got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
			if got == pid || err != nil && !errors.Is(err, syscall.EINTR) || time.Now().After(deadline) {
				break // ECHILD: it is somebody else's
			}
			<-time.After(5 * time.Millisecond)
		}
	}
}

// relative is a process of a worker's family.
type relative struct {
	pid    int
	zombie bool
}

// family finds the processes of the group of leader (0: of none) and those
// whose environment carries mark, which also finds those that left the group.
func family(leader int, mark string) []relative {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := proc.Readdirnames(-1)
	proc.Close()
	entry := []byte(markVariable + "=" + mark)
	var found []relative
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		state, group := status(name)
		if group == "" {
			continue
		}
		if leader == 0 || group != strconv.Itoa(leader) {
			environ, err := os.ReadFile("/proc/" + name + "/environ")
			if err != nil || !carries(environ, entry) {
				continue
			}
		}
		found = append(found, relative{pid: pid, zombie: state == "Z" || state == "X"})
	}
	return found
}

// status returns the state and the group of a process; empty when it is gone.
func status(name string) (state, group string) {
	stat, err := os.ReadFile("/proc/" + name + "/stat")
	if err != nil {
		return "", ""
	}
	// pid (comm) state ppid pgrp …, and comm may hold anything: proc_pid_stat(5).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 3 {
		return "", ""
	}
	return fields[0], fields[2]
}

func carries(environ, entry []byte) bool {
	for pair := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(pair, entry) {
			return true
		}
	}
	return false
}

// limitMemory bounds the writable private memory of the process and those it
// starts. The address space is not bounded: Go, Python on a GPU and Java
// reserve far more of it than they use. It fails only for a process that has
// ended already.
func limitMemory(pid int, limit int64) {
	if limit > 0 {
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}, nil)
	}
}

// resident returns the resident bytes of a worker's family; pages that it
// shares count for each process.
func resident(leader int, mark string) int64 {
	var pages int64
	for _, r := range family(leader, mark) {
		statm, err := os.ReadFile("/proc/" + strconv.Itoa(r.pid) + "/statm")
		if err != nil {
			continue
		}
		if fields := bytes.Fields(statm); len(fields) > 1 {
			n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			pages += n
		}
	}
	return pages * int64(os.Getpagesize())
}
