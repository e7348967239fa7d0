package runtime

import "errors"

// ErrLost means that the process is gone and nobody saw how it ended: the
// keeper died, or the machine was restarted.
var ErrLost = errors.New("process lost")
