package keeper

import "os"

const maxLog = 256 << 10

// rotating is a log file that becomes NAME.1 when it is large. It never
// fails: a keeper without room for its log still keeps.
type rotating struct {
	path string
	file *os.File
	size int64
}

func newRotating(path string) *rotating {
	r := &rotating{path: path}
	r.open()
	return r
}

func (r *rotating) open() {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	r.file, r.size = f, 0
	if info, err := f.Stat(); err == nil {
		r.size = info.Size()
	}
}

func (r *rotating) Write(p []byte) (int, error) {
	if r.file != nil && r.size+int64(len(p)) > maxLog {
		r.Close()
		os.Rename(r.path, r.path+".1")
	}
	if r.file == nil {
		r.open()
	}
	if r.file != nil {
		n, _ := r.file.Write(p)
		r.size += int64(n)
	}
	return len(p), nil
}

func (r *rotating) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
