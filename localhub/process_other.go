//go:build !linux

package localhub

import "syscall"

// attributes keep a terminal's Ctrl-C from the Hub, which we end ourselves in
// good order.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
