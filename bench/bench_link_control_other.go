//go:build !linux

package main

import (
	"context"
	"errors"
)

func benchLinkControl(context.Context, *rig) ([]figure, error) {
	return nil, errors.New("a line of 100 Mbit/s is made of network namespaces, which Linux has")
}
