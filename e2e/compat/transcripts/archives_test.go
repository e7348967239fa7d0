package transcripts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
)

// archives are uploads that no tool would make of a folder.
func archives() map[string][]byte {
	const main = "module.exports = (input) => input;\n"
	return map[string][]byte{
		"no manifest":  zipped(tarOf("index.js", main)),
		"bad manifest": zipped(tarOf("index.js", main, "package.json", "{")),
		"no main":      zipped(tarOf("index.js", main, "package.json", `{"name":"x"}`)),
		"no name":      zipped(tarOf("index.js", main, "package.json", `{"main":"index.js"}`)),
		"no main file": zipped(tarOf("package.json", `{"name":"x","main":"gone.js"}`)),
		"every field": zipped(tarOf("index.js", main, "package.json",
			`{"name":"full","version":"1.0.0","main":"index.js","description":"d","author":"us","keywords":["k"],"repository":"x","args":[1]}`)),
		"not compressed": tarOf("index.js", main, "package.json", `{"main":"index.js"}`),
	}
}

// tarOf makes an archive of names and texts, in turn.
func tarOf(files ...string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i+1 < len(files); i += 2 {
		// Writing to a buffer does not fail.
		_ = w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))})
		_, _ = w.Write([]byte(files[i+1]))
	}
	_ = w.Close()
	return out.Bytes()
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(data)
	_ = w.Close()
	return out.Bytes()
}
