package store_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"waverider"
	"waverider/store"
)

// refuse puts data and checks that it is refused for the reason given and that
// nothing of it is left.
func refuse(t *testing.T, limits store.Limits, data []byte, want waverider.Kind, reason string) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, limits)
	_, err := s.Put(t.Context(), bytes.NewReader(data), nil)
	var e *waverider.Error
	if !errors.As(err, &e) || e.Kind != want || !strings.Contains(e.Message, reason) {
		t.Errorf("got %v (%s)\nwant %s with %q", err, waverider.KindOf(err), want, reason)
	}
	if n := len(s.List()); n > 0 {
		t.Errorf("%d packages were kept", n)
	}
	nothingLeft(t, dir)
}

func TestPutRefusesEntriesNobodyMayUnpack(t *testing.T) {
	for name, c := range map[string]struct {
		files  []file
		reason string
	}{
		"absolute path":         {program(file{name: "/etc/x"}), "absolute paths are not allowed"},
		"path upwards":          {program(file{name: "../x"}), `".." is not allowed`},
		"path upwards within":   {program(file{name: "a/../../x"}), `".." is not allowed`},
		"even if it stays":      {program(file{name: "a/../x"}), `".." is not allowed`},
		"backslash":             {program(file{name: `..\x`}), "backslashes and control characters"},
		"newline":               {program(file{name: "a\nb"}), "backslashes and control characters"},
		"not utf-8":             {program(file{name: "a\xff"}), "not UTF-8"},
		"long name":             {program(file{name: strings.Repeat("x", 256)}), "256 bytes long; at most 255"},
		"long path":             {program(file{name: strings.Repeat("long/", 300) + "f"}), "1501 bytes long; at most 1024"},
		"deep path":             {program(file{name: strings.Repeat("d/", 101) + "f"}), "nested more than 100 deep"},
		"itself":                {program(file{name: "."}), "replace the package's own folder"},
		"symlink upwards":       {program(file{name: "l", typ: tar.TypeSymlink, target: "../x"}), `"l": the link leads out of the package`},
		"symlink absolute":      {program(file{name: "l", typ: tar.TypeSymlink, target: "/etc/passwd"}), `the link leads out of the package, to "/etc/passwd"`},
		"symlink via symlink":   {program(file{name: "d/e/f"}, file{name: "a", typ: tar.TypeSymlink, target: "d/e"}, file{name: "d/x", typ: tar.TypeSymlink, target: "../a/../../../x"}), "leads out of the package"},
		"symlink over dots":     {program(file{name: "a", typ: tar.TypeSymlink, target: "."}, file{name: "b", typ: tar.TypeSymlink, target: "a/.."}), "leads out of the package"},
		"symlink in a circle":   {program(file{name: "a", typ: tar.TypeSymlink, target: "b"}, file{name: "b", typ: tar.TypeSymlink, target: "a"}), "leads in a circle"},
		"symlink out of npm":    {[]file{{name: "p/package.json", body: manifest}, {name: "p/index.js"}, {name: "p/l", typ: tar.TypeSymlink, target: "../p/index.js"}}, "leads out of the package"},
		"symlink, bad target":   {program(file{name: "l", typ: tar.TypeSymlink, target: "a\nb"}), "has a name that is not allowed"},
		"write through symlink": {program(file{name: "l", typ: tar.TypeSymlink, target: "."}, file{name: "l/x"}), "used as a folder but was not one"},
		"hard link outside":     {program(file{name: "l", typ: tar.TypeLink, target: "../x"}), `".." is not allowed`},
		"hard link absolute":    {program(file{name: "l", typ: tar.TypeLink, target: "/etc/passwd"}), "absolute paths"},
		"hard link to later":    {program(file{name: "l", typ: tar.TypeLink, target: "x"}, file{name: "x"}), "not a file before it"},
		"hard link to symlink":  {program(file{name: "s", typ: tar.TypeSymlink, target: "index.js"}, file{name: "l", typ: tar.TypeLink, target: "s"}), "not a file before it"},
		"hard link to folder":   {program(file{name: "d/", typ: tar.TypeDir}, file{name: "l", typ: tar.TypeLink, target: "d"}), "not a file before it"},
		"character device":      {program(file{name: "d", typ: tar.TypeChar}), "device files are not allowed"},
		"block device":          {program(file{name: "d", typ: tar.TypeBlock}), "device files are not allowed"},
		"named pipe":            {program(file{name: "d", typ: tar.TypeFifo}), "named pipes are not allowed"},
		"unknown type":          {program(file{name: "d", typ: 'Z'}), `entries of type "Z"`},
		"file twice":            {program(file{name: "./index.js"}), "it is there twice"},
		"file, then link":       {program(file{name: "index.js", typ: tar.TypeSymlink, target: "x"}), "it is there twice"},
		"file over folder":      {program(file{name: "d/x"}, file{name: "d"}), "it would replace a folder"},
		"folder over file":      {program(file{name: "index.js/", typ: tar.TypeDir}), "used as a folder but was not one"},
		"file as folder":        {program(file{name: "index.js/x"}), "used as a folder but was not one"},
	} {
		t.Run(name, func(t *testing.T) {
			refuse(t, store.Limits{}, archive(t, c.files...), waverider.Unprocessable, c.reason)
		})
	}
}

// Each link on its own is allowed; following them all is a lot of work.
func TestPutRefusesATangleOfLinks(t *testing.T) {
	files := program()
	for i := range 6_000 {
		files = append(files, file{name: strconv.Itoa(i), typ: tar.TypeSymlink, target: strings.Repeat("d/../", 90) + "index.js"})
	}
	refuse(t, store.Limits{}, archive(t, files...), waverider.Unprocessable, "its links lead through too many others")
	s := open(t, t.TempDir(), store.Limits{})
	put(t, s, archive(t, files[:1000]...))
}

func TestPutRefusesWhatIsNoProgram(t *testing.T) {
	for name, c := range map[string]struct {
		files  []file
		reason string
	}{
		"nothing":              {nil, "package.json: missing at the top"},
		"no package.json":      {[]file{{name: "index.js"}}, "package.json: missing at the top"},
		"one too deep":         {[]file{{name: "a/b/package.json", body: manifest}, {name: "a/b/index.js"}}, "package.json: missing"},
		"two folders":          {[]file{{name: "a/package.json", body: manifest}, {name: "b/index.js"}}, "package.json: missing"},
		"folder and file":      {[]file{{name: "a/package.json", body: manifest}, {name: "index.js"}}, "package.json: missing"},
		"package.json is link": {[]file{{name: "package.json", typ: tar.TypeSymlink, target: "p"}, {name: "p", body: manifest}, {name: "index.js"}}, "package.json: it is not a file"},
		"not JSON":             {[]file{{name: "package.json", body: "{\n nope"}}, "package.json: not valid JSON in line 2, column 2"},
		"huge":                 {[]file{{name: "package.json", body: `{"main":"x","x":"` + strings.Repeat("x", 1<<20) + `"}`}}, "package.json: 1048577 bytes"},
		"no main":              {[]file{{name: "package.json", body: "{}"}}, "main: missing; name the entry file"},
		"main not there":       {[]file{{name: "package.json", body: manifest}, {name: "src/index.js"}}, `main: "index.js" is not in the package; did you mean "src/index.js"?`},
		"main not built":       {[]file{{name: "package.json", body: `{"main":"dist/a"}`}}, `main: "dist/a" is not in the package (looked for "dist/a.js"); add the file, or build it`},
		"other ending":         {[]file{{name: "package.json", body: `{"main":"a.js"}`}, {name: "a.mjs"}}, `did you mean "a.mjs"?`},
		"main is a folder":     {[]file{{name: "package.json", body: manifest}, {name: "index.js/x"}}, `main: "index.js" is not in the package`},
		"main links nowhere":   {[]file{{name: "package.json", body: manifest}, {name: "index.js", typ: tar.TypeSymlink, target: "x"}}, `main: "index.js" is not in the package`},
		"python verbatim":      {[]file{{name: "package.json", body: `{"main":"main","engines":{"python3":"3"}}`}, {name: "main.py"}}, `main: "main" is not in the package; did you mean "main.py"?`},
	} {
		t.Run(name, func(t *testing.T) {
			refuse(t, store.Limits{}, archive(t, c.files...), waverider.Unprocessable, c.reason)
		})
	}
}

func TestPutRefusesDamagedArchives(t *testing.T) {
	good := archive(t, program(file{name: "noise", body: noise(600_000)})...)
	plain := tarOf(t, program())
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		data   []byte
		reason string
	}{
		"empty":               {nil, "the upload is empty"},
		"text":                {[]byte("this is not a tar"), "not compressed with gzip"},
		"one byte":            {good[:1], "it ends in the middle"},
		"cut in the header":   {good[:5], "it ends in the middle"},
		"cut in a file":       {good[:1000], "it ends in the middle"},
		"cut in a large file": {good[:500_000], "it ends in the middle"},
		"cut at the checksum": {good[:len(good)-3], "it ends in the middle"},
		"a bit flipped":       {flipped, "damaged"},
		"gzip of text":        {zip(t, bytes.Repeat([]byte("text"), 1000)), "not a tar file inside"},
		"gzip of a cut tar":   {zip(t, plain[:len(plain)-1600]), "it ends in the middle"},
		"garbage after gzip":  {append(bytes.Clone(good), "garbage garbage"...), "damaged after the end of the tar file"},
		"garbage after tar":   {zip(t, append(bytes.Clone(plain), "garbage"...)), "there is more after the end of the tar file"},
		"a second tar":        {zip(t, append(bytes.Clone(plain), plain...)), "there is more after the end of the tar file"},
		"a second gzip":       {append(bytes.Clone(good), good...), "there is more after the end of the tar file"},
		"tar without gzip":    {plain, "not compressed with gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			refuse(t, store.Limits{}, c.data, waverider.Unprocessable, "Invalid pkg tar.gz archive: "+c.reason)
		})
	}
}

func TestPutRefusesWhatIsOverALimit(t *testing.T) {
	many := program()
	for i := range 60 {
		many = append(many, file{name: strconv.Itoa(i)})
	}
	zeros := strings.Repeat("\x00", 17<<20)
	for name, c := range map[string]struct {
		limits store.Limits
		data   []byte
		kind   waverider.Kind
		reason string
	}{
		"archive":           {store.Limits{Archive: 100}, archive(t, program()...), waverider.TooLarge, "more than 100 bytes"},
		"large archive":     {store.Limits{Archive: 400_000}, archive(t, program(file{name: "n", body: noise(900_000)})...), waverider.TooLarge, "more than 400000 bytes"},
		"unpacked":          {store.Limits{Unpacked: 1000}, archive(t, program(file{name: "n", body: noise(1000)})...), waverider.TooLarge, "unpacks to more than 1000 bytes"},
		"entries":           {store.Limits{Entries: 60}, archive(t, many...), waverider.TooLarge, "more than 60 files"},
		"folders in paths":  {store.Limits{Entries: 60}, archive(t, program(file{name: strings.Repeat("d/", 60) + "f"})...), waverider.TooLarge, "more than 60 files"},
		"bomb":              {store.Limits{}, archive(t, program(file{name: "n", body: zeros})...), waverider.TooLarge, "looks like a bomb"},
		"bomb after tar":    {store.Limits{}, zip(t, append(tarOf(t, program()), zeros...)), waverider.TooLarge, "looks like a bomb"},
		"bomb of headers":   {store.Limits{Entries: 10, Unpacked: 1 << 20}, zip(t, append(bytes.Repeat(paxHeader(t), 2000), tarOf(t, program())...)), waverider.TooLarge, "unpacks to more than"},
		"room of the store": {store.Limits{Disk: 1000}, archive(t, program(file{name: "n", body: noise(1000)})...), waverider.Full, "take up 1000 bytes on this Hub"},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, c.limits, c.data, c.kind, c.reason) })
	}
}

// paxHeader is an extended header without the file it is for: a reader of tar
// goes through as many of them as there are before it shows an entry.
func paxHeader(t *testing.T) []byte {
	all := tarOf(t, []file{{name: strings.Repeat("long/", 30) + "é"}})
	return all[:1024]
}

func TestSparseFilesCountInFull(t *testing.T) {
	// A GNU sparse file of 1 GiB that holds one block.
	var h [512]byte
	copy(h[0:], "sparse.bin")
	copy(h[100:], "0000644\x00")
	copy(h[108:], "0000000\x00")
	copy(h[116:], "0000000\x00")
	copy(h[124:], "00000001000\x00") // 512 bytes are there
	copy(h[136:], "00000000000\x00")
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	copy(h[386:], "00000000000\x0000000001000\x00") // at 0, 512 bytes
	copy(h[483:], "10000000000\x00")                // 1 GiB in all
	copy(h[148:], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], strconv.FormatInt(int64(sum), 8)+"\x00 ")
	data := append(h[:], bytes.Repeat([]byte("x"), 512)...)
	data = append(data, tarOf(t, program())...)
	refuse(t, store.Limits{Unpacked: 64 << 20, Ratio: 1 << 30}, zip(t, data), waverider.TooLarge, "unpacks to more than 67108864 bytes")
	refuse(t, store.Limits{}, zip(t, data), waverider.TooLarge, "looks like a bomb")
}

func TestPutWritesNothingOutside(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "a/b/store")
	s := open(t, dir, store.Limits{})
	for _, name := range []string{"../x", "../../x", "../../../x", "../../../../x", outer + "/x", "l/../../x"} {
		for _, typ := range []byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink} {
			if _, err := s.Put(t.Context(), bytes.NewReader(archive(t, program(file{name: name, typ: typ, target: "index.js"})...)), nil); err == nil {
				t.Errorf("%q of type %c was unpacked", name, typ)
			}
		}
	}
	for at, want := range map[string]string{outer: "a", filepath.Join(outer, "a"): "b", filepath.Join(outer, "a/b"): "store"} {
		found, err := os.ReadDir(at)
		if err != nil || len(found) != 1 || found[0].Name() != want {
			t.Errorf("%s holds %v, %v", at, found, err)
		}
	}
}
