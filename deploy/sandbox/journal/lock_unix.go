//go:build unix

package journal

import (
	"os"
	"syscall"
)

// lock keeps a second process away from the file. The kernel drops the lock
// with the process, kill -9 included.
func lock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
