// Package logfile keeps a byte stream on disk in segments named by the offset
// of their first byte, drops the oldest over a limit, and lets readers follow
// it from any offset that is still there. On Linux bytes come in from a pipe by
// splice(2), so that a kill -9 of the writer loses nothing: what left the pipe
// is in the file. It knows nothing of Instances.
package logfile
