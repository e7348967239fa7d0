package runner

// HasScramjet tells whether the scramjet library was bundled when this binary
// was built.
func HasScramjet() bool {
	f, err := nodeFiles.Open("js/" + scramjetBundle)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}
