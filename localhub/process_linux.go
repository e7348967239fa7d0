package localhub

import "syscall"

// attributes keep a terminal's Ctrl-C from the Hub, which we end ourselves in
// good order, and end it should we be killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}
