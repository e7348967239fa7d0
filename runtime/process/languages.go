package process

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"waverider"
	"waverider/runner"
)

// languages is what can be run here, once that is known.
type languages struct {
	once  sync.Once
	known chan struct{}
	list  map[string]Language
}

func (l *languages) set(list map[string]Language) {
	l.once.Do(func() {
		l.list = list
		close(l.known)
	})
}

func (l *languages) get(ctx context.Context) (map[string]Language, error) {
	select {
	case <-l.known:
		return l.list, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// findLanguages looks for interpreters and lays out their runners.
func (r *Runtime) findLanguages(ctx context.Context) map[string]Language {
	list := map[string]Language{}
	for _, one := range []struct {
		name string
		find func(ctx context.Context, dir string) (Language, error)
	}{
		{waverider.LanguageNode, findNode},
		{waverider.LanguagePython, findPython},
	} {
		language, err := one.find(ctx, filepath.Join(r.cfg.Dir, "run"))
		switch {
		case err == nil:
			list[one.name] = language
		case ctx.Err() != nil:
		case errors.Is(err, ErrNoNode), errors.Is(err, ErrNoPython):
			r.log.Warn("programs of a language cannot be run", "language", one.name, "err", err)
		default:
			r.log.Error("programs of a language cannot be run", "language", one.name, "err", err)
		}
	}
	return list
}

func findNode(ctx context.Context, dir string) (Language, error) {
	node, err := FindNode(ctx, dir)
	if err != nil {
		return Language{}, err
	}
	files, err := runner.InstallNode(filepath.Join(dir, "runners"))
	if err != nil {
		return Language{}, err
	}
	return Language{Version: node.Version, Argv: []string{node.Path, files.Main}, Scramjet: files.Scramjet}, nil
}

func findPython(ctx context.Context, dir string) (Language, error) {
	python, err := FindPython(ctx, dir)
	if err != nil {
		return Language{}, err
	}
	main, err := runner.InstallPython(ctx, filepath.Join(dir, "runners"), python.Path)
	if err != nil {
		return Language{}, err
	}
	return Language{Version: python.Version, Argv: append([]string{python.Path}, append(runner.PythonFlags, main)...)}, nil
}
