module waverider

go 1.26.0

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	go.etcd.io/bbolt v1.5.0
)

require (
	github.com/Masterminds/semver/v3 v3.5.0
	github.com/klauspost/compress v1.20.3
	go.uber.org/goleak v1.3.0
)

require golang.org/x/sys v0.49.0 // indirect
