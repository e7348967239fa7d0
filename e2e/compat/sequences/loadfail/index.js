'use strict';

throw new Error('not loadable on purpose');
