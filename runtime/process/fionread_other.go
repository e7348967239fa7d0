//go:build unix && !linux

package process

const fionread = 0x4004667f // FIONREAD of the BSDs and macOS
