module.exports = function ( {
