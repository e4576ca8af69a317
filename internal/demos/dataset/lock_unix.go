//go:build unix

package dataset

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the advisory lock of a file; closing the file lets go of it,
// and so does the end of the process, however it ends.
func tryLock(file *os.File) (bool, error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return false, err
	}
	var result error
	err = conn.Control(func(fd uintptr) {
		for {
			if result = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(result, syscall.EINTR) {
				return
			}
		}
	})
	if errors.Is(result, syscall.EWOULDBLOCK) {
		return false, err
	}
	return err == nil && result == nil, errors.Join(err, result)
}
