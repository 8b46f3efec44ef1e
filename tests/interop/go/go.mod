module trial

go 1.21

require capstan v0.0.0

require (
	github.com/pebbe/zmq4 v1.4.0 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace capstan => ../../../workers/go
