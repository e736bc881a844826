package split

import (
	"runtime"
	"syscall"
)

// attributes have a process die with this one, and keep a Ctrl-C at the terminal from it: it is stopped in order.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func (t *thread) run() {
	runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
	for f := range t.work {
		f()
	}
}
