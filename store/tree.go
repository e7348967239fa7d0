package store

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"waverider"
)

// kind of an entry that may be in a package.
type kind byte

const (
	folder     kind = 'd'
	plain      kind = 'f'
	executable kind = 'x'
	link       kind = 'l'
)

func (k kind) isFile() bool { return k == plain || k == executable }

// tree is what an archive has unpacked so far: pure bookkeeping that decides
// whether the next entry is allowed. Paths are clean and relative.
type tree struct {
	limits Limits
	kinds  map[string]kind
	links  map[string]string // path to target
	sums   map[string]sum    // of every file
	names  int               // bytes of all paths and targets
	steps  int               // taken to resolve links
}

func newTree(limits Limits) *tree {
	return &tree{limits: limits, kinds: map[string]kind{}, links: map[string]string{}, sums: map[string]sum{}}
}

// clean checks the name of an entry and brings it into the form of the tree;
// "" is the root folder itself.
func (t *tree) clean(name string) (string, error) {
	switch {
	case len(name) > t.limits.Path:
		return "", badEntry(name, "its path is %d bytes long; at most %d are allowed", len(name), t.limits.Path)
	case !utf8.ValidString(name):
		return "", badEntry(name, "its name is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl), strings.Contains(name, `\`):
		return "", badEntry(name, "backslashes and control characters are not allowed in names")
	case path.IsAbs(name):
		return "", badEntry(name, "absolute paths are not allowed")
	}
	segments := strings.Split(name, "/")
	if len(segments) > maxDepth {
		return "", badEntry(name, "folders are nested more than %d deep", maxDepth)
	}
	for _, segment := range segments {
		if segment == ".." {
			return "", badEntry(name, `".." is not allowed`)
		}
		if len(segment) > maxSegment {
			return "", badEntry(name, "a name in it is %d bytes long; at most %d are allowed", len(segment), maxSegment)
		}
	}
	if clean := path.Clean(name); clean != "." {
		return clean, nil
	}
	return "", nil
}

// add notes an entry of kind k and the folders above it, or says why not.
func (t *tree) add(name string, k kind) error {
	if parent := path.Dir(name); parent != "." {
		if err := t.add(parent, folder); err != nil {
			return err
		}
	}
	switch old, exists := t.kinds[name]; {
	case !exists:
	case old == folder && k == folder:
		return nil // tar writes folders again and again
	case old == folder:
		return badEntry(name, "it would replace a folder")
	case k == folder:
		return badEntry(name, "it is used as a folder but was not one before")
	default:
		return badEntry(name, "it is there twice")
	}
	if len(t.kinds) >= t.limits.Entries {
		return tooLarge("the package has more than %d files and folders", t.limits.Entries)
	}
	if t.names += len(name); t.names > maxNames {
		return tooLarge("the paths in the package are more than %d bytes together", maxNames)
	}
	t.kinds[name] = k
	return nil
}

// addLink notes a symbolic link. Where it leads can only be told once all
// entries are known: checkLinks.
func (t *tree) addLink(name, target string) error {
	switch {
	case target == "" || len(target) > t.limits.Path:
		return badEntry(name, "its target is %d bytes long; 1 to %d are allowed", len(target), t.limits.Path)
	case path.IsAbs(target):
		return badEntry(name, "the link leads out of the package, to %.120q", target)
	}
	for segment := range strings.SplitSeq(target, "/") {
		if segment == ".." {
			continue
		}
		if _, err := t.clean(segment); err != nil {
			return badEntry(name, "its target %.120q has a name that is not allowed", target)
		}
	}
	if err := t.add(name, link); err != nil {
		return err
	}
	t.names += len(target)
	t.links[name] = target
	return nil
}

// packageRoot is the folder with the package.json: the top, or the only
// folder there, as in the archives that `npm pack` writes.
func (t *tree) packageRoot() (string, error) {
	if t.kinds["package.json"] != 0 {
		return "", nil
	}
	top := ""
	for name, k := range t.kinds {
		if strings.Contains(name, "/") {
			continue
		}
		if top != "" || k != folder {
			top = ""
			break
		}
		top = name
	}
	if top != "" && t.kinds[top+"/package.json"] != 0 {
		return top, nil
	}
	return "", waverider.Errorf(waverider.Unprocessable,
		"package.json: missing at the top of the package; pack the folder that holds it, not the one above")
}

// below is the part of the tree inside a top folder, seen from there.
func (t *tree) below(top string) *tree {
	if top == "" {
		return t
	}
	b := newTree(t.limits)
	for name, k := range t.kinds {
		rest, ok := strings.CutPrefix(name, top+"/")
		if !ok {
			continue
		}
		b.kinds[rest] = k
		switch {
		case k == link:
			b.links[rest] = t.links[name]
		case k.isFile():
			b.sums[rest] = t.sums[name]
		}
	}
	return b
}

// checkLinks says which link, if any, leads out of the package.
func (t *tree) checkLinks() error {
	for name := range t.links {
		if _, err := t.resolve(name); err != nil {
			return err
		}
	}
	return nil
}

// resolve follows all links in a path, as the kernel would, and gives where it
// ends. Parts that do not exist are taken as they are.
func (t *tree) resolve(name string) (string, error) {
	var at []string
	pending := strings.Split(name, "/")
	for hops := 0; len(pending) > 0; {
		segment := pending[0]
		pending = pending[1:]
		if t.steps++; t.steps > maxSteps {
			return "", badArchive("its links lead through too many others")
		}
		switch segment {
		case "", ".":
			continue
		case "..":
			if len(at) == 0 {
				return "", badEntry(name, "the link leads out of the package")
			}
			at = at[:len(at)-1]
			continue
		}
		here := strings.Join(append(at[:len(at):len(at)], segment), "/")
		target, isLink := t.links[here]
		if !isLink {
			at = append(at, segment)
			continue
		}
		if hops++; hops > maxHops {
			return "", badEntry(name, "the link leads in a circle")
		}
		if path.IsAbs(target) {
			return "", badEntry(name, "the link leads out of the package, to %.120q", target)
		}
		pending = append(strings.Split(target, "/"), pending...)
	}
	return strings.Join(at, "/"), nil
}

// checkMain says whether the file that a runner will load is there.
func (t *tree) checkMain(m waverider.Manifest) error {
	entry := m.EntryFile()
	end, err := t.resolve(entry)
	if err == nil && t.kinds[end].isFile() {
		return nil
	}
	message := "main: " + quote(m.Main) + " is not in the package"
	if entry != path.Clean(m.Main) {
		message += " (looked for " + quote(entry) + ")"
	}
	if similar := t.similar(entry); similar != "" {
		message += "; did you mean " + quote(similar) + "?"
	} else {
		message += "; add the file, or build it before packing"
	}
	return &waverider.Error{Kind: waverider.Unprocessable, Message: message, Detail: map[string]any{"field": "main"}}
}

// similar is a file that main may have meant: the same name elsewhere, or
// the same place with another ending. The shortest, to be the same every time.
func (t *tree) similar(entry string) string {
	best := ""
	stem := strings.TrimSuffix(entry, path.Ext(entry))
	for name, k := range t.kinds {
		same := path.Base(name) == path.Base(entry) || strings.TrimSuffix(name, path.Ext(name)) == stem
		if !k.isFile() || !same || strings.Contains(name, "node_modules/") {
			continue
		}
		if best == "" || len(name) < len(best) || len(name) == len(best) && name < best {
			best = name
		}
	}
	return best
}

func quote(s string) string { return `"` + s + `"` }
